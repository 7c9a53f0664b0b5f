import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { ServerAddress, ServerTls } from '../databases/database-server.ts';
import type { TenantRoute } from '../registry/repositories/tenant-routing.ts';
import type { TenantStatus } from '../registry/tables.generated.ts';

/** Where a tenant's rows are and how its application role logs in. The password stays sealed. */
export type TenantDatabase = {
  /** What the sealed values are bound to; never changes. */
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly server: ServerAddress;
  readonly sealedDataKey: string;
  readonly sealedPassword: string;
  /** While the password is being changed: the one that the server has next, or has already. */
  readonly pendingPassword?: string;
};

export type ResolvedTenant = {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly status: TenantStatus;
  readonly plan: string;
  /** What members with the role USER may do through the data API. */
  readonly userAccess: 'write' | 'read' | 'none';
  /** Undefined until provisioning has reserved one, and after it is gone. */
  readonly database: TenantDatabase | undefined;
};

export function toResolvedTenant(route: TenantRoute): ResolvedTenant {
  const { id, slug, name, status, plan, userAccess } = route;
  return {
    id,
    slug,
    name,
    status,
    plan,
    userAccess: userAccess === 'read' || userAccess === 'none' ? userAccess : 'write',
    database: toDatabase(route),
  };
}

/**
 * Whether a connection made for the one may serve the other: also encrypted alike, and by the same secrets. A password
 * that is only announced makes no difference.
 */
export function isSameDatabase(one: TenantDatabase, other: TenantDatabase): boolean {
  if (one === other) return true;
  const { pendingPassword: _, ...here } = one;
  const { pendingPassword: __, ...there } = other;
  return isDeepStrictEqual(here, there);
}

/** Whether a login that is refused to the one is refused to the other. */
export function isSameLogin(one: TenantDatabase, other: TenantDatabase): boolean {
  return one.pendingPassword === other.pendingPassword && isSameDatabase(one, other);
}

function toDatabase(route: TenantRoute): TenantDatabase | undefined {
  const { databaseId, databaseName, applicationRole, sealedDataKey, sealedApplicationPassword } = route;
  const { serverId, host, port, tls, pendingApplicationPassword: pendingPassword } = route;
  if (!databaseId || !databaseName || !applicationRole || !sealedDataKey) return undefined;
  if (!sealedApplicationPassword || !serverId || !host || !port) return undefined;
  return {
    id: databaseId,
    name: databaseName,
    role: applicationRole,
    server: { id: serverId, host, port, tls: toTls(tls) },
    sealedDataKey,
    sealedPassword: sealedApplicationPassword,
    ...(pendingPassword !== null && { pendingPassword }),
  };
}

const storedTls = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('disable') }),
  z.object({ mode: z.literal('require') }),
  z.object({ mode: z.literal('verify-full'), ca: z.string().optional() }),
]);

function toTls(stored: unknown): ServerTls {
  const tls = storedTls.parse(stored);
  if (tls.mode !== 'verify-full') return tls;
  return tls.ca === undefined ? { mode: tls.mode } : { mode: tls.mode, ca: tls.ca };
}
