const defaultPoolMax = 10;
const defaultPoolTimeoutMs = 5_000;

export type RegistryConnection = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ssl: false | { rejectUnauthorized: boolean };
  readonly poolMax: number;
  /** How long a caller waits for a pooled connection. */
  readonly poolTimeoutMs: number;
};

/**
 * Takes a registry URL apart, so that connections are made from objects only. `connection_limit` and
 * `pool_timeout` (seconds) are Prisma's names; an explicit limit in the environment wins.
 */
export function registryConnection(url: string, poolMax?: number): RegistryConnection {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const limit = Number(searchParams.get('connection_limit'));
  const timeoutSeconds = Number(searchParams.get('pool_timeout'));
  return {
    host: decodeURIComponent(hostname.replace(/^\[|\]$/g, '')),
    port: port === '' ? 5432 : Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ssl: tls(searchParams.get('sslmode')),
    poolMax: poolMax ?? (limit > 0 ? limit : defaultPoolMax),
    poolTimeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1_000 : defaultPoolTimeoutMs,
  };
}

function tls(mode: string | null): RegistryConnection['ssl'] {
  if (mode === 'verify-full' || mode === 'verify-ca') return { rejectUnauthorized: true };
  return mode === 'require' ? { rejectUnauthorized: false } : false;
}
