import { isIP } from 'node:net';
import { Cron } from 'croner';
import type { z } from 'zod';
import { PostgresUrlError, readPostgresUrl } from './postgres-url.ts';
import { list, refuse, text, url } from './value-parsers.ts';

/** Variables whose text has a language of its own. */

/** The text stays as it is; that it can be taken apart is certain from here on. */
export const postgresUrl = url('postgres', 'postgresql').transform((value, context) => {
  try {
    readPostgresUrl(value);
    return value;
  } catch (error) {
    if (error instanceof PostgresUrlError) return refuse(context, error.message);
    throw error;
  }
});

/** A URL that others are appended to, so it ends without a slash. */
export const baseUrl = url('http', 'https').transform((value) => value.replace(/\/+$/, ''));

export const cronExpression = text.transform((value, context) => {
  if (runsEver(value)) return value;
  return refuse(context, 'must be a cron expression such as */5 * * * *');
});

function runsEver(expression: string): boolean {
  try {
    return new Cron(expression, { paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

/** Longest name of PostgreSQL (63 bytes) less the 20 of a random part, and some for words of the customer. */
const longestPrefix = 40;

/** What needs no quoting in any tool. */
export const databasePrefix = text.transform((value, context) => {
  if (/^[a-z_][a-z0-9_]*$/.test(value) && value.length <= longestPrefix) return value;
  return refuse(
    context,
    `must consist of a-z, 0-9 and _, begin with no digit and have at most ${longestPrefix} characters`,
  );
});

/** As browsers write them in the Origin header, or `*`. */
export const origins = eachOf(list, asOrigin, '* or origins such as https://app.example.com');

function asOrigin(entry: string): string | undefined {
  if (entry === '*') return entry;
  if (entry.includes('*') || !URL.canParse(entry)) return undefined;
  const { protocol, origin, pathname, search, hash, username } = new URL(entry);
  if (!/^https?:$/.test(protocol)) return /^[a-z][a-z0-9+.-]*:\/\/[^/?#]+$/.test(entry) ? entry : undefined;
  return pathname === '/' && `${search}${hash}${username}` === '' ? origin : undefined;
}

const namedNetworks = ['loopback', 'linklocal', 'uniquelocal'];

export const networks = eachOf(
  list,
  (entry) => (namedNetworks.includes(entry) || isNetwork(entry) ? entry : undefined),
  `addresses, networks such as 10.0.0.0/8, or ${namedNetworks.join(', ')}`,
);

/** Networks by their addresses alone. */
export const addressRanges = eachOf(
  list,
  (entry) => (isNetwork(entry) ? entry : undefined),
  'addresses, or networks such as 10.0.0.0/8',
);

function isNetwork(entry: string): boolean {
  const [address = '', prefix, ...rest] = entry.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

/** A list whose entries are each understood, or refused by name. */
function eachOf(
  entries: z.ZodType<string[], string>,
  understand: (entry: string) => string | undefined,
  right: string,
) {
  return entries.transform((texts, context) => {
    const bad = texts.filter((entry) => understand(entry) === undefined);
    if (bad.length > 0) return refuse(context, `must be ${right}, which ${bad.join(' and ')} is not`);
    return texts.map((entry) => understand(entry) ?? entry);
  });
}
