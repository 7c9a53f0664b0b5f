import { LRUCache } from 'lru-cache';
import { sqlState } from '../databases/sql-state.ts';
import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { isSameLogin, type TenantDatabase } from './resolved-tenant.ts';

/** Short: what an operator mended is served again without anybody's help. */
const rememberMs = 1_000;
const maxTenants = 10_000;

type Refusal = { readonly database: TenantDatabase; readonly error: unknown };

/**
 * Logins that a server has just refused by its own words. Without this memory each request of a tenant whose
 * password is wrong would take a seat for a login that fails, and close another tenant's connection for it.
 */
export function createRefusedLogins() {
  const refusals = new LRUCache<string, Refusal>({ max: maxTenants, ttl: rememberMs });

  return {
    note(tenantId: string, database: TenantDatabase, error: unknown): void {
      if (isRefusal(error)) refusals.set(tenantId, { database, error });
    },

    /** Undefined where a login is worth trying, as it is with another password. */
    find(tenantId: string, database: TenantDatabase): AppError | undefined {
      const known = refusals.get(tenantId);
      if (known === undefined || !isSameLogin(known.database, database)) return undefined;
      return errors.tenantDatabaseUnavailable().causedBy(known.error);
    },
  };
}

/** A server that shuts down or starts up (57P0x) or a lost connection (08xxx) may be well a moment later. */
function isRefusal(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !state.startsWith('57') && !state.startsWith('08');
}
