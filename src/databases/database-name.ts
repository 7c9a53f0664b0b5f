import { randomBytes } from 'node:crypto';

/** NAMEDATALEN - 1. PostgreSQL cuts longer names with a mere notice, and then DROP hits another database. */
const MAX_IDENTIFIER_BYTES = 63;

/** 80 random bits: a fleet of a million databases meets a collision with probability below 10^-12. */
const RANDOM_BYTES = 10;

/** Throws a TypeError when PostgreSQL would refuse the name or cut it short. */
export function assertIdentifierFits(name: string): void {
  if (name === '') throw new TypeError('A name cannot be empty.');
  if (name.includes('\0')) throw new TypeError('A name cannot contain a NUL character.');
  const bytes = Buffer.byteLength(name, 'utf8');
  if (bytes > MAX_IDENTIFIER_BYTES) {
    throw new TypeError(`The name "${name}" has ${bytes} bytes; PostgreSQL takes ${MAX_IDENTIFIER_BYTES}.`);
  }
}

/** A random part for names: 20 lower-case hex digits, so it needs no quoting in any tool. */
export function newNamePart(): string {
  return randomBytes(RANDOM_BYTES).toString('hex');
}
