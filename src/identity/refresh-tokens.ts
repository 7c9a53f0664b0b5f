import { createHmac, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';

/** Bits enough that nobody guesses one; shown in base64url. */
const tokenBytes = 32;
export const refreshTokenLength = 43;

/**
 * Opaque refresh tokens. The registry keeps their HMACs only. The token that follows another is computed from
 * it, so that a client whose answer was lost gets the same one again, though nobody has stored it; without
 * the secret nobody can do the same.
 */
export function createRefreshTokens(secret: string) {
  const storageKey = keyFor(secret, 'storage');
  const rotationKey = keyFor(secret, 'rotation');
  return {
    generate: (): string => randomBytes(tokenBytes).toString('base64url'),
    /** What the registry knows a token by. */
    fingerprint: (token: string): Buffer => createHmac('sha256', storageKey).update(token).digest(),
    successorOf: (token: string): string =>
      createHmac('sha256', rotationKey).update(token).digest('base64url'),
  };
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>;

function keyFor(secret: string, purpose: string): KeyObject {
  const derived = hkdfSync('sha256', secret, 'tenant-manager', `refresh token ${purpose}`, tokenBytes);
  return createSecretKey(Buffer.from(derived));
}
