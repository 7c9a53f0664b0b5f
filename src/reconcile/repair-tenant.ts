import type { DatabaseServer, TenantDatabaseNames } from '../databases/database-server.ts';
import { endRoleSessions } from '../databases/end-role-sessions.ts';
import { freeRole } from '../databases/free-role.ts';
import { ensureNeutralRoles } from '../databases/neutral-roles.ts';
import { reclaimDatabase } from '../databases/reclaim-database.ts';
import { readRoles } from '../databases/role-state.ts';
import { scramVerifier } from '../databases/scram-verifier.ts';
import { sealDatabase } from '../databases/seal-database.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { tameRole } from '../databases/tame-role.ts';
import { createTenantRoles, repairRolePassword } from '../databases/tenant-roles.ts';
import { withdrawRights } from '../databases/withdraw-rights.ts';
import { findNamedTenant, type NamedTenant } from '../registry/repositories/named-objects.ts';
import { putToMaintenance } from '../registry/repositories/reconcile.ts';
import { findTenant, type Tenant } from '../registry/repositories/tenants.ts';
import type { Found, RepairAction } from './finding.ts';
import { intrudersOf, judgeTenant, mayBeClosed, type TenantObjects } from './judge-tenant.ts';
import { objectsOf, readServerObjects, type Server } from './look-at-server.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';
import { busy, gone, type Mended, unchanged } from './repair-outcome.ts';
import { namesOf, visitTenant } from './visit-tenant.ts';

export type TenantRepair = { server: Server; tenantId: string; wanted: ReadonlySet<RepairAction> };

/**
 * Mends what is wrong with a tenant, under the lock that every run takes, and only what is still wrong then.
 * Nobody is waited for: who works on the tenant at this moment brings it to what it must be.
 */
export async function repairTenant(needs: ReconcileNeeds, repair: TenantRepair): Promise<Mended> {
  return withSession(needs, repair.server.id, async (session, address) => {
    if (!(await session.lock(`tenant:${repair.tenantId}`, 0))) return busy;
    const tenant = await findTenant(needs.registry, repair.tenantId);
    const named = await findNamedTenant(needs.registry, repair.tenantId);
    if (tenant === undefined || named === undefined) return gone;
    return treat({ needs, repair, session, address, tenant, named });
  });
}

/** A treatment is believed when what it was for is there no more. */
async function treat(patient: Patient): Promise<Mended> {
  const given: RepairAction[] = [];
  for (const treatment of treatments) {
    if (await treatment(patient)) given.push(treatment.action);
  }
  if (given.length === 0) return gone;
  const left = [
    ...(await judgeAgain(patient)).found,
    ...(given.includes('set_password') ? await visit(patient) : []),
  ].filter(({ action }) => action !== undefined && given.includes(action));
  if (left.length === 0) return { outcome: 'done', actions: given };
  const helped = given.filter((given) => !left.some(({ action }) => action === given));
  return unchanged(left, helped);
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
    const { objects, found } = await judgeAgain(patient);
    const now = found.find((each) => each.action === action);
    if (now === undefined) return false;
    return (await act(patient, objects, now)) !== false;
  };
  return Object.assign(treat, { action });
}

/** What is there at this moment, and what is wrong with it. */
async function judgeAgain({ needs, repair, session, tenant }: Patient) {
  const none: { objects: TenantObjects; found: Found[] } = { objects: nothing, found: [] };
  const named = await findNamedTenant(needs.registry, tenant.id);
  if (named === undefined) return none;
  const objects = await readObjects(session, named);
  const { server } = repair;
  const { ownership } = needs;
  return { objects, found: judgeTenant({ tenant: named, objects, server, ownership }) };
}

const nothing: TenantObjects = { database: undefined, migrator: undefined, application: undefined };

async function readObjects(session: ServerSession, named: NamedTenant): Promise<TenantObjects> {
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
  if (found.has(names.migratorRole))
    await freeRole(session, { role: names.migratorRole, group: neutral.owner });
  if (found.has(names.applicationRole)) {
    await freeRole(session, { role: names.applicationRole, group: neutral.application });
  }
  await createTenantRoles(session, {
    names,
    neutral,
    verifiers: verifiersOf(needs, tenant),
    applicationConnectionLimit: connectionsPerTenant,
  });
}

async function reclaim(patient: Patient, objects: TenantObjects): Promise<void> {
  await reclaimDatabase(patient.session, patient.named.databaseName);
  await seal(patient, objects);
}

/** What the owner never gave he cannot take back by sealing. */
async function seal({ needs, session, tenant, named }: Patient, objects: TenantObjects): Promise<void> {
  const { ownership } = needs;
  const grantees = objects.database?.grantees ?? [];
  await withdrawRights(session, named.databaseName, intrudersOf({ grantees }, named, ownership));
  const leavesClosed = mayBeClosed(named) && objects.database?.allowsConnections === false;
  await sealDatabase(session, { names: namesOf(tenant), neutral: ownership.neutral, leavesClosed });
}

const visit = (patient: Patient) => visitTenant(patient.needs, { ...patient, server: patient.repair.server });

async function setPasswords(patient: Patient): Promise<boolean> {
  const { needs, repair, session, tenant } = patient;
  if (!repair.wanted.has('set_password')) return false;
  const refused = (await visit(patient)).some(({ action }) => action === 'set_password');
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
