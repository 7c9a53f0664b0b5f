import type { DatabaseServer, TenantDatabaseNames } from '../databases/database-server.ts';
import { endRoleSessions } from '../databases/end-role-sessions.ts';
import { ensureNeutralRoles } from '../databases/neutral-roles.ts';
import { reclaimDatabase } from '../databases/reclaim-database.ts';
import { readRoles } from '../databases/role-state.ts';
import { scramVerifier } from '../databases/scram-verifier.ts';
import { sealDatabase } from '../databases/seal-database.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { tameRole } from '../databases/tame-role.ts';
import { createTenantRoles, repairRolePassword } from '../databases/tenant-roles.ts';
import { findNamedTenant, type NamedTenant } from '../registry/repositories/named-objects.ts';
import { putToMaintenance } from '../registry/repositories/reconcile.ts';
import { findTenant, type Tenant } from '../registry/repositories/tenants.ts';
import type { Found, RepairAction } from './finding.ts';
import { intrudersOf, judgeTenant, type TenantObjects } from './judge-tenant.ts';
import { objectsOf, readServerObjects, type Server } from './look-at-server.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';
import type { Mended } from './repair-outcome.ts';
import { namesOf, visitTenant } from './visit-tenant.ts';

export type TenantRepair = { server: Server; tenantId: string; wanted: ReadonlySet<RepairAction> };

/**
 * Mends what is wrong with a tenant, under the lock that every run takes, and only what is still wrong then.
 * Nobody is waited for: who works on the tenant at this moment brings it to what it must be.
 */
export async function repairTenant(needs: ReconcileNeeds, repair: TenantRepair): Promise<Mended> {
  return withSession(needs, repair.server.id, async (session, address) => {
    if (!(await session.lock(`tenant:${repair.tenantId}`, 0))) return { outcome: 'busy' };
    const tenant = await findTenant(needs.registry, repair.tenantId);
    const named = await findNamedTenant(needs.registry, repair.tenantId);
    if (tenant === undefined || named === undefined) return { outcome: 'gone' };
    const patient = { needs, repair, session, address, tenant, named };
    const done: RepairAction[] = [];
    for (const treatment of treatments) {
      if (await treatment(patient)) done.push(treatment.action);
    }
    return done.length === 0 ? { outcome: 'gone' } : { outcome: 'done', actions: done };
  });
}

type Patient = {
  needs: ReconcileNeeds;
  repair: TenantRepair;
  session: ServerSession;
  address: DatabaseServer;
  tenant: Tenant;
  named: NamedTenant;
};

type Treatment = ((patient: Patient) => Promise<boolean>) & { action: RepairAction };

/** Looks again before it acts: an earlier treatment may have mended it, or somebody else. */
function treatment(
  action: RepairAction,
  act: (patient: Patient, objects: TenantObjects, found: Found) => Promise<unknown>,
): Treatment {
  const treat = async (patient: Patient): Promise<boolean> => {
    if (!patient.repair.wanted.has(action)) return false;
    const objects = await readObjects(patient);
    const { named, repair, needs } = patient;
    const found = judgeTenant({
      tenant: named,
      objects,
      server: repair.server,
      ownership: needs.ownership,
    }).find((each) => each.action === action);
    if (found === undefined) return false;
    return (await act(patient, objects, found)) !== false;
  };
  return Object.assign(treat, { action });
}

async function readObjects({ session, named }: Patient): Promise<TenantObjects> {
  const roles = [named.migratorRole, named.applicationRole].filter((name) => name !== null);
  const objects = await readServerObjects(session, {
    databases: { prefixes: [], names: [named.databaseName] },
    roles: { prefixes: [], names: roles },
  });
  return objectsOf(named, objects);
}

/** Roles come first: sealing gives rights to them. */
const treatments: readonly Treatment[] = [
  treatment('put_to_maintenance', ({ needs, tenant }, _objects, { detail }) =>
    needs.registry
      .transaction()
      .execute((trx) => putToMaintenance(trx, { tenantId: tenant.id, reason: detail })),
  ),
  treatment('repair_roles', repairRoles),
  treatment('reclaim', reclaim),
  treatment('seal', seal),
  treatment('end_sessions', ({ session, tenant }) => {
    const { migratorRole, applicationRole } = namesOf(tenant);
    return endRoleSessions(session, [migratorRole, applicationRole]);
  }),
  Object.assign(setPasswords, { action: 'set_password' as const }),
];

/** A tenant's role that somebody raised loses what it got before anything else is done with it. */
async function repairRoles({ needs, session, tenant }: Patient): Promise<void> {
  const names = namesOf(tenant);
  const { neutral, connectionsPerTenant } = needs.ownership;
  await ensureNeutralRoles(session, neutral);
  const found = await readRoles(session, [names.migratorRole, names.applicationRole]);
  for (const { name, isPowerful } of found.values()) if (isPowerful) await tameRole(session, name);
  await createTenantRoles(session, {
    names,
    neutral,
    verifiers: verifiersOf(needs, tenant),
    applicationConnectionLimit: connectionsPerTenant,
  });
}

async function reclaim(patient: Patient, objects: TenantObjects): Promise<void> {
  const { needs, session, named } = patient;
  const grantees = objects.database?.grantees ?? [];
  await reclaimDatabase(session, named.databaseName, intrudersOf({ grantees }, named, needs.ownership));
  await seal(patient);
}

async function seal({ needs, session, tenant }: Patient): Promise<void> {
  await sealDatabase(session, { names: namesOf(tenant), neutral: needs.ownership.neutral });
}

async function setPasswords(patient: Patient): Promise<boolean> {
  const { needs, repair, session, tenant } = patient;
  if (!repair.wanted.has('set_password')) return false;
  const refused = (await visitTenant(needs, { ...patient, server: repair.server })).some(
    ({ action }) => action === 'set_password',
  );
  if (!refused) return false;
  const names: TenantDatabaseNames = namesOf(tenant);
  const verifiers = verifiersOf(needs, tenant);
  await repairRolePassword(session, names.migratorRole, verifiers.migrator);
  await repairRolePassword(session, names.applicationRole, verifiers.application);
  return true;
}

function verifiersOf({ openPasswords }: ReconcileNeeds, tenant: Tenant) {
  const { migrator, application } = openPasswords(tenant);
  return { migrator: scramVerifier(migrator), application: scramVerifier(application) };
}
