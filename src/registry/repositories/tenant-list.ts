import { type ExpressionBuilder, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { DB, TenantMode, TenantStatus } from '../tables.generated.ts';

/** What operators see of a tenant; never a secret. */
export type TenantSummary = {
  id: string;
  slug: string;
  name: string;
  mode: TenantMode;
  status: TenantStatus;
  statusReason: string | null;
  plan: string;
  region: string;
  tags: string[];
  /** Name of its database server. */
  server: string | null;
  databaseName: string | null;
  users: number;
  databaseSizeBytes: number | null;
  schemaVersion: string | null;
  createdAt: Date;
  lastActivityAt: Date | null;
  activatedAt: Date | null;
  suspendedAt: Date | null;
  failedAt: Date | null;
  deletingAt: Date | null;
  purgeAfter: Date | null;
  deletedAt: Date | null;
  /** A run of it could not be taken back: an operator must look. */
  needsAttention: boolean;
};

export type TenantFilter = {
  /** Any of these; everything but tombstones if left out. */
  status?: readonly TenantStatus[] | undefined;
  mode?: TenantMode | undefined;
  plan?: string | undefined;
  region?: string | undefined;
  server?: string | undefined;
  tag?: string | undefined;
  /** Part of the name or slug, in any case. */
  q?: string | undefined;
  createdAfter?: Date | undefined;
  needsAttention?: boolean | undefined;
};

/** Each with the type that its values are compared as. */
const sortTypes = { created_at: 'timestamptz', name: 'text', slug: 'text' } as const;
export type TenantSort = { by: keyof typeof sortTypes; descending: boolean };

/** The place after a row: what it was sorted by, in full precision, and its id. */
export type TenantPlace = { value: string; id: string };

export type TenantPage = {
  filter: TenantFilter;
  sort: TenantSort;
  after?: TenantPlace | undefined;
  limit: number;
};

/** One page, each row with its place. Pages are found by place, so that the last is as quick as the first. */
export async function listTenants(
  executor: RegistryExecutor,
  { filter, sort, after, limit }: TenantPage,
): Promise<(TenantSummary & { place: string })[]> {
  const column = sql.ref(`t.${sort.by}`);
  const direction = sort.descending ? 'desc' : 'asc';
  const beyond = sql.raw(sort.descending ? '<' : '>');
  const type = sql.raw(sortTypes[sort.by]);
  return selectSummaries(executor)
    .select(placeOf(sort).as('place'))
    .where((eb) => matchesFilter(eb, filter))
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(${column}, t.id) ${beyond} (${after?.value}::${type}, ${after?.id}::uuid)`),
    )
    .orderBy(column, direction)
    .orderBy('t.id', direction)
    .limit(limit)
    .execute();
}

export async function countTenants(executor: RegistryExecutor, filter: TenantFilter): Promise<number> {
  const { count } = await executor
    .selectFrom('tenantRegistry as t')
    .leftJoin('databaseServers as s', 's.id', 't.serverId')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where((eb) => matchesFilter(eb, filter))
    .executeTakeFirstOrThrow();
  return count;
}

/** By id, tombstones included; or by slug, which only one tenant at a time has. */
export async function findTenantSummary(
  executor: RegistryExecutor,
  by: { id: string } | { slug: string },
): Promise<TenantSummary | undefined> {
  const query = selectSummaries(executor);
  const found =
    'id' in by
      ? query.where('t.id', '=', by.id)
      : query.where('t.slug', '=', by.slug).where('t.status', '<>', 'deleted');
  return found.executeTakeFirst();
}

const needsAttention = sql<boolean>`EXISTS (SELECT FROM provisioning_runs r WHERE r.tenant_id = t.id AND r.needs_attention)`;

function selectSummaries(executor: RegistryExecutor) {
  return executor
    .selectFrom('tenantRegistry as t')
    .leftJoin('databaseServers as s', 's.id', 't.serverId')
    .select([
      't.id',
      't.slug',
      't.name',
      't.mode',
      't.status',
      't.statusReason',
      't.plan',
      't.region',
      't.tags',
    ])
    .select(['s.name as server', 't.databaseName', 't.databaseSizeBytes', 't.schemaVersion'])
    .select(['t.createdAt', 't.lastActivityAt', 't.activatedAt', 't.suspendedAt', 't.failedAt'])
    .select(['t.deletingAt', 't.purgeAfter', 't.deletedAt'])
    .select(needsAttention.as('needsAttention'))
    .select(sql<number>`(SELECT count(*)::int FROM tenant_members m WHERE m.tenant_id = t.id)`.as('users'));
}

type Tables = DB & { t: DB['tenantRegistry']; s: DB['databaseServers'] };

function matchesFilter(eb: ExpressionBuilder<Tables, 't' | 's'>, filter: TenantFilter) {
  const { status, mode, plan, region, server, tag, q, createdAfter } = filter;
  const attention = filter.needsAttention;
  const part = q === undefined ? '' : `%${q.replace(/[\\%_]/g, '\\$&')}%`;
  return eb.and([
    status === undefined ? eb('t.status', '<>', 'deleted') : eb('t.status', 'in', status),
    ...(mode === undefined ? [] : [eb('t.mode', '=', mode)]),
    ...(plan === undefined ? [] : [eb('t.plan', '=', plan)]),
    ...(region === undefined ? [] : [eb('t.region', '=', region)]),
    ...(server === undefined ? [] : [eb('s.name', '=', server)]),
    ...(tag === undefined ? [] : [sql<boolean>`${tag} = ANY (t.tags)`]),
    ...(q === undefined ? [] : [eb.or([eb('t.name', 'ilike', part), eb('t.slug', 'ilike', part)])]),
    ...(attention === undefined ? [] : [eb(needsAttention, '=', attention)]),
    ...(createdAfter === undefined ? [] : [eb('t.createdAt', '>', createdAfter)]),
  ]);
}

/** JavaScript's dates have milliseconds only: rows of the same one would be left out or come twice. */
function placeOf({ by }: TenantSort) {
  return by === 'created_at'
    ? sql<string>`to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
    : sql<string>`t.${sql.raw(by)}`;
}
