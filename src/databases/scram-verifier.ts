import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

const KEY_BYTES = 32;
const SALT_BYTES = 16;
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/** 256 random bits as text that needs no quoting and no SASLprep. */
export function newPassword(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * What PostgreSQL stores for a password (RFC 5802, RFC 7677). Computed here, because a failing
 * `CREATE ROLE … PASSWORD 'plaintext'` is written to the server's log with the password in it.
 * 4096 iterations are PostgreSQL's own number; our passwords are random, so more would only slow logins.
 */
export function scramVerifier(password: string, iterations = 4096): string {
  // SASLprep leaves printable ASCII as it is, so that it can be left out.
  if (!PRINTABLE_ASCII.test(password)) throw new TypeError('A password must be printable ASCII.');
  const salt = randomBytes(SALT_BYTES);
  const salted = pbkdf2Sync(password, salt, iterations, KEY_BYTES, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
