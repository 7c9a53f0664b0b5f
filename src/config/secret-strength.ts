const sampleWords =
  /change|your[-_ ]|example|sample|default|password|placeholder|replace|insecure|dev[-_]|^test|secret[-_]?key$/i;

/** Fewest bytes of a secret that cannot be guessed (RFC 8725, section 3.5, for HS256). */
const minimumBytes = 32;
const minimumDistinctCharacters = 10;

/** Why a secret is weak, or null when it is not. */
export function weakness(secret: string): string | null {
  const bytes = Buffer.byteLength(secret);
  if (bytes < minimumBytes) return `has ${bytes} bytes and needs at least ${minimumBytes}`;
  if (sampleWords.test(secret)) return 'looks like a sample value';
  if (new Set(secret).size < minimumDistinctCharacters) return 'repeats a few characters';
  return null;
}
