import { type PostgresTls, readPostgresUrl } from './postgres-url.ts';

const defaultPoolMax = 10;
const defaultPoolTimeoutMs = 5_000;

/** The relay holds one connection while it asks on another, and a request wants one beside them. */
export const leastPoolMax = 3;

export type RegistryConnection = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ssl: PostgresTls;
  readonly poolMax: number;
  /** How long a caller waits for a pooled connection. */
  readonly poolTimeoutMs: number;
};

/**
 * What a registry URL asks for; an explicit limit in the environment wins over its connection_limit.
 * @throws PostgresUrlError, which the check of the configuration has found before
 */
export function registryConnection(url: string, poolMax?: number): RegistryConnection {
  const { connectionLimit, poolTimeoutSeconds, ...login } = readPostgresUrl(url);
  const asked = poolMax ?? connectionLimit ?? defaultPoolMax;
  return {
    ...login,
    poolMax: Math.max(leastPoolMax, asked),
    poolTimeoutMs: (poolTimeoutSeconds ?? 0) > 0 ? (poolTimeoutSeconds ?? 0) * 1_000 : defaultPoolTimeoutMs,
  };
}
