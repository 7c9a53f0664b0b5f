import { z } from 'zod';

/** Longest path of RFC 5321, without its angle brackets. */
const longestEmail = 254;

/** Two spellings that are one address become equal here: trimmed, NFC, lower case. */
export function normalizeEmail(text: string): string {
  return text.trim().normalize('NFC').toLowerCase();
}

/** An address as it comes from outside; gives it normalized. The length is looked at first, the pattern then. */
export const emailSchema = z
  .string()
  .overwrite(normalizeEmail)
  .max(longestEmail, { abort: true })
  .check(z.email({ error: 'must be an e-mail address' }));
