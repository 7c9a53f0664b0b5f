import type { ListedDatabase, ListedRole } from '../databases/inventory.ts';
import type { NamedTenant } from '../registry/repositories/named-objects.ts';
import type { FindingKind, Found, RepairAction } from './finding.ts';
import {
  type ExpectedRole,
  expectedApplication,
  expectedMigrator,
  loginRoleFaults,
} from './judge-login-role.ts';
import { isOurRole } from './our-names.ts';
import type { Ownership } from './reconcile-needs.ts';

/** What a server has under a tenant's names. */
export type TenantObjects = {
  database: ListedDatabase | undefined;
  migrator: ListedRole | undefined;
  application: ListedRole | undefined;
};

export type TenantCase = {
  tenant: NamedTenant;
  objects: TenantObjects;
  server: { id: string; name: string };
  ownership: Ownership;
};

/** These have a complete database, whether requests get at it or not. The others are being made or unmade. */
const settled = ['active', 'suspended', 'read_only', 'maintenance', 'frozen', 'deleting'];
/** Requests and their pools have been told by then. */
const graceOfSessionsMs = 15_000;

/** What is wrong with a tenant's database and roles, seen from outside. */
export function judgeTenant(facts: TenantCase): Found[] {
  if (!settled.includes(facts.tenant.status)) return [];
  return [...judgeDatabase(facts), ...judgeRoles(facts), ...judgeTenure(facts)];
}

type Fault = { kind: FindingKind; subject?: string; detail: string; action?: RepairAction | undefined };

function toFound({ tenant, server }: TenantCase, fault: Fault): Found {
  const { kind, subject = tenant.databaseName, detail, action } = fault;
  return {
    kind,
    server: server.name,
    subject,
    tenantId: tenant.id,
    detail: `Tenant ${tenant.slug}: ${detail}.`,
    ...(action !== undefined && { action }),
    target: { of: 'tenant', serverId: server.id, tenantId: tenant.id },
  };
}

function judgeDatabase(facts: TenantCase): Found[] {
  const { tenant, objects, ownership } = facts;
  const { database } = objects;
  const found = (fault: Fault) => [toFound(facts, fault)];
  const isServing = tenant.status === 'active' || tenant.status === 'read_only';
  const action = isServing ? 'put_to_maintenance' : undefined;
  if (database === undefined)
    return found({ kind: 'database_missing', action, detail: vanished(tenant.databaseName) });
  if (database.isInvalid)
    return found({ kind: 'database_half_dropped', action, detail: halfDropped(tenant.databaseName) });
  const own = [tenant.migratorRole, tenant.applicationRole, ownership.neutral.owner];
  const intruders = intrudersOf(database, tenant, ownership);
  const missing = own.filter((role) => role !== null && !database.grantees.includes(role));
  const owned = isOurRole(database.owner, ownership);
  return [
    ...(database.isOpenToPublic
      ? found({ kind: 'database_open', action: 'seal', detail: 'PUBLIC has rights on its database' })
      : []),
    ...(database.allowsConnections || mayBeClosed(tenant)
      ? []
      : found({ kind: 'database_closed', action: 'seal', detail: 'its database allows no connections' })),
    ...(owned || database.isTemplate
      ? found({
          kind: 'database_not_ours',
          action: 'reclaim',
          detail: owned
            ? `its database belongs to ${database.owner}`
            : 'its database is marked as a template',
        })
      : []),
    ...(intruders.length > 0
      ? found({
          kind: 'database_entered_by_others',
          action: 'reclaim',
          detail: `roles of other tenants have rights on its database: ${intruders.join(', ')}`,
        })
      : []),
    ...(missing.length > 0 && !database.isOpenToPublic
      ? found({
          kind: 'role_shut_out',
          action: 'seal',
          detail: `its database gives no right to ${missing.join(', ')}`,
        })
      : []),
  ];
}

/** Whoever put a tenant to maintenance may keep everybody out for it. */
export const mayBeClosed = ({ status }: Pick<NamedTenant, 'status'>): boolean => status === 'maintenance';

const vanished = (name: string) =>
  `its database ${name} does not exist. Restore it from a backup under this name and activate the tenant, or purge the tenant`;
const halfDropped = (name: string) =>
  `an interrupted DROP DATABASE left half of ${name}, which cannot be entered any more. Drop it and restore it from a backup under this name, or purge the tenant`;

/** Roles of this installation with rights on a database that is not theirs. What operators granted is their affair. */
export function intrudersOf(
  { grantees }: Pick<ListedDatabase, 'grantees'>,
  { migratorRole, applicationRole }: Pick<NamedTenant, 'migratorRole' | 'applicationRole'>,
  ownership: Ownership,
): string[] {
  const own = [migratorRole, applicationRole, ownership.neutral.owner];
  return grantees.filter((role) => isOurRole(role, ownership) && !own.includes(role));
}

function judgeRoles(facts: TenantCase): Found[] {
  const { tenant, objects, ownership } = facts;
  const { migratorRole, applicationRole } = tenant;
  return [
    ...(migratorRole === null
      ? []
      : judgeRole(facts, objects.migrator, expectedMigrator(migratorRole, ownership))),
    ...(applicationRole === null
      ? []
      : judgeRole(facts, objects.application, expectedApplication(applicationRole, ownership))),
  ];
}

function judgeRole(facts: TenantCase, role: ListedRole | undefined, expected: ExpectedRole): Found[] {
  return loginRoleFaults(role, expected).map((fault) =>
    toFound(facts, { ...fault, subject: expected.name, action: 'repair_roles' }),
  );
}

function judgeTenure(facts: TenantCase): Found[] {
  const { tenant, objects } = facts;
  const isActive = tenant.status === 'active';
  const sessions = (objects.migrator?.sessions ?? 0) + (objects.application?.sessions ?? 0);
  const isRefused = tenant.deletingForMs !== null && tenant.deletingForMs > graceOfSessionsMs;
  return [
    ...(isActive && !tenant.hasAdmin
      ? [toFound(facts, { kind: 'admin_missing', subject: tenant.slug, detail: withoutAdmin })]
      : []),
    ...(isActive && !tenant.hasFingerprint
      ? [
          toFound(facts, {
            kind: 'fingerprint_missing',
            detail: 'nobody has written down how its database was',
          }),
        ]
      : []),
    ...(tenant.status === 'deleting' && isRefused && sessions > 0
      ? [
          toFound(facts, {
            kind: 'session_left',
            action: 'end_sessions',
            detail: `it is deleted, and ${sessions} sessions are still in its database`,
          }),
        ]
      : []),
  ];
}

const withoutAdmin =
  'it is active and has no member who is ADMIN, so that nobody can administer it. Make one of its members ADMIN';
