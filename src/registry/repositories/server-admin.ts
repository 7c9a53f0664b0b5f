import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import type { RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { DatabaseServers } from '../tables.generated.ts';
import type { DatabaseServerRow } from './database-servers.ts';
import type { Template, TemplateCopy } from './templates.ts';

/** A server as operators see it: never with its login. */
export type ServerSummary = Omit<Selectable<DatabaseServers>, 'sealedAdminLogin'> & {
  /** It comes from the environment of the workers, and so does its login. */
  isFromEnvironment: boolean;
  tenants: number;
  warm: number;
  templateCopies: number;
  quarantined: number;
  usedBytes: number;
  budget: {
    total: number;
    allowed: number;
    wanted: number;
    explanation: string;
    lookedAt: Date | null;
  } | null;
};

const shown = [
  'server.id',
  'server.name',
  'server.host',
  'server.port',
  'server.tls',
  'server.profile',
  'server.status',
  'server.region',
  'server.capacityDatabases',
  'server.capacityBytes',
  'server.weight',
  'server.createdAt',
  'server.checkedAt',
  'server.troubleCode',
  'server.troubleDetail',
  'server.versionNum',
] as const;

const tenants = sql<number>`(SELECT count(*)::int FROM tenant_registry t
  WHERE t.server_id = server.id AND t.status <> 'deleted')`;
const warm = sql<number>`(SELECT count(*)::int FROM warm_databases w WHERE w.server_id = server.id)`;
const templateCopies = sql<number>`(SELECT count(*)::int FROM template_copies c WHERE c.server_id = server.id)`;
const quarantined = sql<number>`(SELECT count(*)::int FROM quarantined_objects q WHERE q.server_id = server.id)`;
const usedBytes = sql<number>`(SELECT coalesce(sum(t.database_size_bytes), 0)::bigint FROM tenant_registry t
  WHERE t.server_id = server.id AND t.status <> 'deleted')`;
const budget = sql<ServerSummary['budget']>`(SELECT jsonb_build_object(
    'total', b.total, 'explanation', b.explanation, 'lookedAt', b.looked_at,
    'allowed', coalesce(sum(s.allowance), 0)::int, 'wanted', coalesce(sum(s.demand), 0)::int)
  FROM connection_budgets b LEFT JOIN connection_shares s ON s.server_id = b.server_id
  WHERE b.server_id = server.id GROUP BY b.server_id)`;

function selectSummaries(executor: RegistryExecutor) {
  return executor
    .selectFrom('databaseServers as server')
    .select(shown)
    .select(sql<boolean>`server.sealed_admin_login IS NULL`.as('isFromEnvironment'))
    .select([tenants.as('tenants'), warm.as('warm'), templateCopies.as('templateCopies')])
    .select([quarantined.as('quarantined'), usedBytes.as('usedBytes'), budget.as('budget')]);
}

/** All of them, with what is on each. */
export async function listServerSummaries(executor: RegistryExecutor): Promise<ServerSummary[]> {
  return (await selectSummaries(executor).orderBy('server.name').execute()).map(withDates);
}

export async function findServerSummary(
  executor: RegistryExecutor,
  by: { id: string } | { name: string },
): Promise<ServerSummary | undefined> {
  const query = selectSummaries(executor);
  const found = 'id' in by ? query.where('server.id', '=', by.id) : query.where('server.name', '=', by.name);
  const row = await found.executeTakeFirst();
  return row === undefined ? undefined : withDates(row);
}

/** Within JSON a moment is a text. */
function withDates(row: ServerSummary): ServerSummary {
  if (row.budget === null) return row;
  const { lookedAt } = row.budget;
  return { ...row, budget: { ...row.budget, lookedAt: lookedAt === null ? null : new Date(lookedAt) } };
}

/** @returns undefined where the name, or the address, is another's. */
export async function insertServer(
  trx: RegistryTransaction,
  server: Insertable<DatabaseServers>,
): Promise<DatabaseServerRow | undefined> {
  return trx
    .insertInto('databaseServers')
    .values(server)
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
}

/** The server, which nobody else changes until the transaction ends, and on which nobody is placed meanwhile. */
export async function lockServer(
  trx: RegistryTransaction,
  id: string,
): Promise<DatabaseServerRow | undefined> {
  return trx.selectFrom('databaseServers').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

export type ServerChange = Pick<
  Updateable<DatabaseServers>,
  'weight' | 'capacityDatabases' | 'capacityBytes' | 'region' | 'status'
>;

export async function changeServer(
  trx: RegistryTransaction,
  id: string,
  change: ServerChange,
): Promise<void> {
  await trx.updateTable('databaseServers').set(change).where('id', '=', id).execute();
}

export type ServerFindings = { versionNum: number } | { troubleCode: string; troubleDetail: string };

/** What a test found. The first one that finds nothing wrong lets the server take tenants. */
export async function noteServerCheck(
  executor: RegistryExecutor,
  id: string,
  findings: ServerFindings,
): Promise<void> {
  const isFit = 'versionNum' in findings;
  await executor
    .updateTable('databaseServers')
    .set({
      checkedAt: sql<Date>`now()`,
      ...(isFit ? { ...findings, troubleCode: null, troubleDetail: null } : findings),
      ...(isFit && {
        status: sql<'open'>`CASE WHEN status = 'unchecked' THEN 'open'::server_status ELSE status END`,
      }),
    })
    .where('id', '=', id)
    .execute();
}

export async function listCopiesOnServer(
  executor: RegistryExecutor,
  serverId: string,
): Promise<TemplateCopy[]> {
  return executor.selectFrom('templateCopies').selectAll().where('serverId', '=', serverId).execute();
}

/** Templates of which tenants can be made on some server, and so must be on every one that takes tenants. */
export async function listWorkingTemplates(executor: RegistryExecutor): Promise<Template[]> {
  return executor
    .selectFrom('templates as t')
    .selectAll('t')
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('templateCopies as c')
          .select('c.id')
          .whereRef('c.templateId', '=', 't.id')
          .where('c.status', '=', 'ready'),
      ),
    )
    .orderBy('t.createdAt')
    .execute();
}

/** Forgets a server with nothing on it; tombstones of its tenants stay. @throws 23503 when something is. */
export async function deleteServer(trx: RegistryTransaction, id: string): Promise<void> {
  await trx
    .updateTable('tenantRegistry')
    .set({ serverId: null })
    .where('serverId', '=', id)
    .where('status', '=', 'deleted')
    .execute();
  await trx.deleteFrom('databaseServers').where('id', '=', id).execute();
}
