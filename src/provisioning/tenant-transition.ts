import type { RegistryTransaction } from '../registry/registry-database.ts';
import type { Actor } from '../registry/repositories/audit-log.ts';
import type { Tenant, TenantChange } from '../registry/repositories/tenants.ts';
import type { RunKind, TenantStatus } from '../registry/tables.generated.ts';

/** Who asks for a change, and why. */
export type ChangeRequest = { actor: Actor; requestId: string; reason?: string };

export type Transition = {
  /** As it stands in an error: "A tenant that is X cannot be <done>." */
  done: string;
  /** What whoever is refused may do. */
  instead?: string;
  from: readonly TenantStatus[];
  change: TenantChange;
  run?: RunKind;
  /** The run carries out a cancellation. */
  cancelRequestedAt?: Date;
};

/** Where it depends on what the tenant is or was. */
export type TransitionOf = (trx: RegistryTransaction, before: Tenant) => Transition | Promise<Transition>;

/** `runId`: of the run in which the rest of it happens; null when there is nothing left to do. */
export type ChangedTenant = { tenant: Tenant; runId: string | null };
