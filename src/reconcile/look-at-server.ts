import {
  type ClientSessions,
  countSessionsByClient,
  type ListedDatabase,
  type ListedRole,
  listDatabasesWithObjectsOf,
  listPlatformObjects,
} from '../databases/inventory.ts';
import type { ServerSession } from '../databases/server-session.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { type ConnectionRights, readConnectionRights } from '../registry/repositories/connection-shares.ts';
import {
  listNamedStock,
  listNamedTenants,
  type NamedStock,
  type NamedTenant,
} from '../registry/repositories/named-objects.ts';
import type { Found } from './finding.ts';
import { judgeLeftovers } from './judge-leftovers.ts';
import { judgeNeutralRoles } from './judge-neutral-roles.ts';
import { judgeStock, type ServerObjects } from './judge-stock.ts';
import { judgeTenant } from './judge-tenant.ts';
import { loginPrefixes, platformPrefix } from './our-names.ts';
import { type Ownership, type ReconcileNeeds, withSession } from './reconcile-needs.ts';

export type Server = { id: string; name: string };

/** What was compared, in numbers. */
export type Compared = {
  tenants: number;
  warm_databases: number;
  template_copies: number;
  databases: number;
  roles: number;
};

export type ServerLook = { findings: Found[]; compared: Compared };

const pageSize = 1_000;

/**
 * Compares one server with what the registry says of it, without entering any database: five statements there,
 * and a page for each thousand tenants here. What comes or goes in between may show up as a finding; a second
 * look does not see it again.
 */
export async function lookAtServer(needs: ReconcileNeeds, server: Server): Promise<ServerLook> {
  const { registry, ownership } = needs;
  const tenants = await readTenants(registry, server.id);
  const stock = await listNamedStock(registry, server.id);
  const named = namesOf(tenants, stock, ownership);
  return withSession(needs, server.id, async (session) => {
    const objects = await readObjects(session, named, ownership);
    const holdingOurs = await findHolders(session, { objects, named, ownership });
    const findings = [
      ...tenants.flatMap((tenant) =>
        judgeTenant({ tenant, objects: objectsOf(tenant, objects), server, ownership }),
      ),
      ...judgeStock({ stock, objects, server, ownership }),
      ...judgeLeftovers({ objects, named, holdingOurs, server, ownership }),
      ...(await judgeNeutralRoles(session, server.name, ownership)),
      ...judgeConnections(server, await countConnections(registry, session, { server, ownership })),
    ];
    return { findings, compared: count(tenants, stock, objects) };
  });
}

async function readTenants(registry: RegistryDatabase, serverId: string): Promise<NamedTenant[]> {
  const tenants: NamedTenant[] = [];
  for (;;) {
    const page = await listNamedTenants(registry, { serverId, after: tenants.at(-1)?.id, limit: pageSize });
    tenants.push(...page);
    if (page.length < pageSize) return tenants;
  }
}

type Names = { databases: Set<string>; roles: Set<string> };

function namesOf(tenants: readonly NamedTenant[], stock: NamedStock, { neutral }: Ownership): Names {
  const databases = new Set<string>();
  const roles = new Set<string>([neutral.owner, neutral.application]);
  const add = (names: Set<string>, ...each: (string | null)[]) => {
    for (const name of each) if (name !== null) names.add(name);
  };
  for (const tenant of tenants) {
    add(databases, tenant.databaseName, tenant.renamedFrom);
    add(roles, tenant.migratorRole, tenant.applicationRole);
  }
  for (const warm of stock.warm) {
    add(databases, warm.databaseName);
    add(roles, warm.migratorRole, warm.applicationRole);
  }
  for (const copy of stock.copies) {
    add(databases, copy.databaseName);
    // A finished template has no builder any more.
    if (copy.status !== 'ready') add(roles, copy.builderRole);
  }
  for (const { name } of stock.quarantined) add(databases, name);
  return { databases, roles };
}

async function readObjects(
  session: ServerSession,
  named: Names,
  ownership: Ownership,
): Promise<ServerObjects> {
  const platform = platformPrefix(ownership);
  return readServerObjects(session, {
    databases: { prefixes: [ownership.databasePrefix, platform], names: [...named.databases] },
    roles: { prefixes: [...loginPrefixes(ownership), platform], names: [...named.roles] },
  });
}

export async function readServerObjects(
  session: ServerSession,
  wanted: Parameters<typeof listPlatformObjects>[1],
): Promise<ServerObjects> {
  const listed = await listPlatformObjects(session, wanted);
  return { databases: byName(listed.databases), roles: byName(listed.roles) };
}

const byName = <Thing extends ListedDatabase | ListedRole>(things: readonly Thing[]) =>
  new Map(things.map((thing) => [thing.name, thing]));

/** Asked only of what no row names: there are few of them, and many objects in each database. */
async function findHolders(
  session: ServerSession,
  { objects, named, ownership }: { objects: ServerObjects; named: Names; ownership: Ownership },
): Promise<Set<string>> {
  const unnamed = [...objects.databases.keys()].filter((name) => !named.databases.has(name));
  if (unnamed.length === 0) return new Set();
  return listDatabasesWithObjectsOf(session, ownership.neutral.owner, unnamed);
}

export function objectsOf(
  { databaseName, migratorRole, applicationRole }: NamedTenant,
  { databases, roles }: ServerObjects,
) {
  return {
    database: databases.get(databaseName),
    migrator: roles.get(migratorRole ?? ''),
    application: roles.get(applicationRole ?? ''),
  };
}

type Connections = { rights: ConnectionRights; clients: readonly ClientSessions[] };

async function countConnections(
  registry: ReconcileNeeds['registry'],
  session: ServerSession,
  { server, ownership }: { server: Server; ownership: Ownership },
): Promise<Connections> {
  // First those that are open: an allowance is lowered only after the connections beyond it are closed.
  const clients = await countSessionsByClient(session, loginPrefixes(ownership));
  return { clients, rights: await readConnectionRights(registry, server.id) };
}

/** The server has a budget for all, and each process has its allowance. */
function judgeConnections(server: Server, { rights, clients }: Connections): Found[] {
  const found = (subject: string, open: number, most: number): Found[] => {
    if (open <= most) return [];
    const detail = `${subject} has ${open} connections to tenants’ databases open, and ${most} may be.`;
    const target = { of: 'nothing' } as const;
    return [{ kind: 'connections_over_budget', server: server.name, subject, detail, target }];
  };
  const all = clients.reduce((sum, { sessions }) => sum + sessions, 0);
  return [
    ...(rights.total === null ? [] : found(server.name, all, rights.total)),
    ...clients.flatMap(({ applicationName, host, sessions }) => {
      const allowance = rights.allowances.get(applicationName);
      return allowance === undefined ? [] : found(`${applicationName} at ${host}`, sessions, allowance);
    }),
  ];
}

function count(tenants: readonly unknown[], stock: NamedStock, objects: ServerObjects): Compared {
  return {
    tenants: tenants.length,
    warm_databases: stock.warm.length,
    template_copies: stock.copies.length,
    databases: objects.databases.size,
    roles: objects.roles.size,
  };
}
