import { LRUCache } from 'lru-cache';
import { sqlState } from '../databases/sql-state.ts';
import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { isSameLogin, type TenantDatabase } from './resolved-tenant.ts';

/** Short: what an operator mended is served again without anybody's help. */
const firstPauseMs = 1_000;
const longestPauseMs = 5_000;
/** So many logins without an answer may be chance. A refusal in the server's own words is none. */
const tolerated = 3;
/** Longer than a login may take: whoever was to find out has left without trying. */
const probeMs = 6_000;
const maxTenants = 10_000;
const rememberMs = 60_000;

type Breaker = {
  readonly database: TenantDatabase;
  readonly error: unknown;
  readonly failures: number;
  /** Nobody tries before; then one does, and the others wait for the outcome. As of `performance.now`. */
  closedUntil: number;
};

/**
 * A circuit breaker for each tenant (Nygard, Release It!, 2nd edition, 5.2). Without it each request of a tenant whose
 * database cannot be entered would take a seat for a login that fails, wait until it has, and close another tenant's
 * connection for it.
 */
export function createLoginBreakers() {
  const breakers = new LRUCache<string, Breaker>({ max: maxTenants, ttl: rememberMs });

  return {
    noteFailure(tenantId: string, database: TenantDatabase, error: unknown): void {
      const known = breakers.get(tenantId);
      const before = known !== undefined && isSameLogin(known.database, database) ? known.failures : 0;
      const failures = isRefusal(error) ? Math.max(before + 1, tolerated) : before + 1;
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - tolerated));
      const closedUntil = failures < tolerated ? 0 : performance.now() + pauseMs;
      breakers.set(tenantId, { database, error, failures, closedUntil });
    },

    noteSuccess(tenantId: string): void {
      breakers.delete(tenantId);
    },

    /** Undefined where a login is worth trying, as it is with another password. */
    find(tenantId: string, database: TenantDatabase): AppError | undefined {
      const known = breakers.get(tenantId);
      if (known === undefined || known.closedUntil === 0 || !isSameLogin(known.database, database)) return;
      const now = performance.now();
      if (now < known.closedUntil) return errors.tenantDatabaseUnavailable().causedBy(known.error);
      known.closedUntil = now + probeMs;
      return;
    },
  };
}

/** A server that shuts down or starts up (57P0x) or a lost connection (08xxx) may be well a moment later. */
function isRefusal(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !state.startsWith('57') && !state.startsWith('08');
}
