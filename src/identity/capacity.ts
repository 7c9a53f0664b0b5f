import type { AppError } from '../errors/app-error.ts';
import type { RegistryExecutor } from '../registry/registry-database.ts';
import { findMembership } from '../registry/repositories/members.ts';
import { findUserById } from '../registry/repositories/users.ts';
import type { TenantStatus } from '../registry/tables.generated.ts';
import type { AccessClaims } from './access-tokens.ts';

/** Why a tenant in this state takes no requests; undefined where it does. */
export type RefusalOf = (status: TenantStatus) => AppError | undefined;

/** What a person is in a tenant, or to the platform. */
export type Capacity = Pick<AccessClaims, 'tenantKey' | 'role'>;

/** Tokens are given for tenants that answer requests only. */
export function createCapacityReader(refusalOf: RefusalOf) {
  /**
   * @returns undefined for who is nothing there
   * @throws the tenant's error by its status
   */
  return async function readCapacity(
    executor: RegistryExecutor,
    { userId, tenantId }: { userId: string; tenantId: string | null },
  ): Promise<Capacity | undefined> {
    if (tenantId === null) {
      const user = await findUserById(executor, userId);
      return user?.platformRole === 'SUPER_ADMIN' ? { tenantKey: null, role: 'SUPER_ADMIN' } : undefined;
    }
    const membership = await findMembership(executor, { tenantId, userId });
    if (membership === undefined) return undefined;
    const refusal = refusalOf(membership.status);
    if (refusal !== undefined) throw refusal;
    return { tenantKey: membership.slug, role: membership.role };
  };
}

export type ReadCapacity = ReturnType<typeof createCapacityReader>;
