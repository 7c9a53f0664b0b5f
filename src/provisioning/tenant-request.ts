import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import type { Actor } from '../registry/repositories/audit-log.ts';
import type { RunnerNeeds } from './runner-needs.ts';

export type Owner = { email: string; password: string; name?: string };

/** The row of `idempotency_keys` that this request has claimed. */
export type IdempotencyClaim = { scope: string; key: string; owner: string };

export type TenantRequest = {
  organizationName: string;
  /** Asked for; derived from the name if left out. */
  slug?: string;
  plan: string;
  region?: string;
  template?: string;
  owner: Owner;
  idempotency?: IdempotencyClaim;
  actor: Actor;
  requestId: string;
};

export type RequestedTenant = {
  tenantId: string;
  slug: string;
  runId: string;
  user: { id: string; email: string; emailVerified: boolean };
};

export type RequestTenantNeeds = Pick<RunnerNeeds, 'observeEnd'> & {
  registry: RegistryDatabase;
  defaultRegion: string;
  maxPending: number;
  normalizeEmail: (email: string) => string;
  hashPassword: (password: string) => Promise<string>;
  verifyPassword: (hash: string, password: string) => Promise<boolean>;
  /** Writes what the idempotency key stands for; gives what it stands for already. */
  bindIdempotency: (
    trx: RegistryTransaction,
    claim: IdempotencyClaim,
    resourceId: string,
  ) => Promise<string | null>;
  afterCommit: (tenantId: string, generation: number) => void;
};
