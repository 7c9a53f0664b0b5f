import { readFileSync } from 'node:fs';

export type PostgresTls =
  | false
  | { rejectUnauthorized: boolean; ca?: string; checkServerIdentity?: () => undefined };

export type PostgresUrl = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ssl: PostgresTls;
  /** Connections per process; undefined when the URL does not say. */
  readonly connectionLimit: number | undefined;
  readonly poolTimeoutSeconds: number | undefined;
};

/** What is wrong with a URL, as the rest of a sentence that begins with "It". It never shows the URL. */
export class PostgresUrlError extends Error {}

/**
 * Takes a registry URL apart, so that connections are made from objects only. `connection_limit` and
 * `pool_timeout` (seconds) are Prisma's names, `sslmode` and `sslrootcert` are libpq's.
 * @throws PostgresUrlError
 */
export function readPostgresUrl(text: string): PostgresUrl {
  const url = new URL(text);
  const { hostname, port, username, password, pathname, searchParams } = url;
  if (hostname === '') throw new PostgresUrlError('must name a host');
  return {
    host: decode(hostname.replace(/^\[|\]$/g, ''), 'host'),
    port: port === '' ? 5432 : Number(port),
    user: decode(username, 'user'),
    password: decode(password, 'password'),
    database: decode(pathname.slice(1), 'database'),
    ssl: readTls(searchParams),
    connectionLimit: readWholeNumber(searchParams, 'connection_limit'),
    poolTimeoutSeconds: readWholeNumber(searchParams, 'pool_timeout'),
  };
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new PostgresUrlError(`must have a % in its ${what} written as %25`);
  }
}

function readWholeNumber(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d+$/.test(text)) throw new PostgresUrlError(`must have a whole number as ${name}`);
  return Number(text);
}

function readTls(parameters: URLSearchParams): PostgresTls {
  const mode = parameters.get('sslmode') ?? 'disable';
  const authority = readAuthority(parameters.get('sslrootcert'));
  switch (mode) {
    case 'disable':
      return false;
    case 'no-verify':
      return { rejectUnauthorized: false };
    case 'require':
      // As in libpq: whoever names an authority wants it asked.
      if (authority.ca === undefined) return { rejectUnauthorized: false };
      return { rejectUnauthorized: true, ...authority, checkServerIdentity: anyName };
    case 'verify-ca':
      return { rejectUnauthorized: true, ...authority, checkServerIdentity: anyName };
    case 'verify-full':
      return { rejectUnauthorized: true, ...authority };
    default:
      throw new PostgresUrlError(
        'must have sslmode disable, require, no-verify, verify-ca or verify-full (allow and prefer would go on without TLS unnoticed)',
      );
  }
}

const anyName = () => undefined;

/** `system` is libpq's word for the authorities that the system trusts, which are asked anyway. */
function readAuthority(path: string | null): { ca?: string } {
  if (path === null || path === '' || path === 'system') return {};
  try {
    return { ca: readFileSync(path, 'utf8') };
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new PostgresUrlError(`must have an sslrootcert that this process may read (${path}: ${why})`);
  }
}
