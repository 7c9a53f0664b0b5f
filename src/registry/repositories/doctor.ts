import { sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';

/** The server on which the registry lives. */
export type RegistryServer = {
  versionNum: number;
  maxConnections: number;
  reservedConnections: number;
  /** Connections of all kinds that it has now. */
  usedConnections: number;
  /** Processes of this installation, as far as they say who they are. */
  processes: number;
  clock: Date;
};

export async function readRegistryServer(executor: RegistryExecutor): Promise<RegistryServer> {
  const { rows } = await sql<RegistryServer>`
    SELECT current_setting('server_version_num')::int AS version_num,
           current_setting('max_connections')::int AS max_connections,
           current_setting('superuser_reserved_connections')::int
             + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved_connections,
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS used_connections,
           (SELECT count(DISTINCT application_name) FROM pg_stat_activity
             WHERE datname = current_database()
               AND application_name ~ '^tenant-manager .+ [0-9]+$')::int AS processes,
           clock_timestamp() AS clock`.execute(executor);
  const [row] = rows;
  if (row === undefined) throw new Error('The registry gave no row for a query without FROM.');
  return row;
}

/** A row with sealed passwords; `owner` is what they are bound to. */
export type SealedRow = {
  /** A tenant's slug, or the name of a warm database. */
  subject: string;
  owner: string;
  sealedDataKey: string;
  sealedApplicationPassword: string;
  sealedMigratorPassword: string;
};

/** Some of them, at random: the more of them do not open, the surer one is found. */
export async function sampleSealedRows(executor: RegistryExecutor, limit: number): Promise<SealedRow[]> {
  const { rows } = await sql<SealedRow>`
    SELECT * FROM (
      SELECT slug AS subject, database_id AS owner, sealed_data_key,
             sealed_application_password, sealed_migrator_password
        FROM tenant_registry
       WHERE num_nulls(database_id, sealed_data_key, sealed_application_password,
                       sealed_migrator_password) = 0
      UNION ALL
      SELECT database_name, id, sealed_data_key, sealed_application_password, sealed_migrator_password
        FROM warm_databases) sealed
    ORDER BY random() LIMIT ${limit}`.execute(executor);
  return rows;
}

/** Names of databases on a server that are, or are to be, tenants'. */
export async function listTenantDatabases(executor: RegistryExecutor, serverId: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    SELECT called.name FROM tenant_registry t, unnest(ARRAY[t.database_name, t.renamed_from]) called(name)
     WHERE t.server_id = ${serverId} AND called.name IS NOT NULL`.execute(executor);
  return rows.map(({ name }) => name);
}

/** What waits for somebody, or has been waiting for too long. */
export type Stuck = {
  runsNeedingAttention: number;
  /** Some of their tenants. */
  slugs: string[];
  outboxWaiting: number;
  outboxOldestMs: number | null;
  outboxError: string | null;
  quarantined: number;
};

export async function readStuck(executor: RegistryExecutor): Promise<Stuck> {
  const { rows } = await sql<Stuck>`
    WITH attention AS (
           SELECT t.slug FROM provisioning_runs r JOIN tenant_registry t ON t.id = r.tenant_id
            WHERE r.needs_attention AND r.generation = t.generation),
         due AS (
           SELECT created_at, last_error FROM outbox
            WHERE delivered_at IS NULL AND split_part(topic, '.', 1) = 'queue')
    SELECT (SELECT count(*) FROM attention) AS runs_needing_attention,
           ARRAY(SELECT slug FROM attention ORDER BY slug LIMIT 20) AS slugs,
           (SELECT count(*) FROM due) AS outbox_waiting,
           (SELECT extract(epoch FROM clock_timestamp() - min(created_at))::float8 * 1000 FROM due)
             AS outbox_oldest_ms,
           (SELECT last_error FROM due WHERE last_error IS NOT NULL ORDER BY created_at LIMIT 1) AS outbox_error,
           (SELECT count(*) FROM quarantined_objects WHERE released_at IS NULL) AS quarantined`.execute(
    executor,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('The registry gave no row for a query without FROM.');
  return row;
}

/** A template as far as it can be in trouble. */
export type TemplateCondition = {
  key: string;
  troubleCode: string | null;
  troubleDetail: string | null;
  /** Things of the newest version's source that tenants do not get. */
  notCarried: number;
  /** When a source was last looked at; null before the first time. */
  lookedAt: Date | null;
  /** Servers that have a copy of it which tenants can be made from. */
  copies: number;
};

export async function listTemplateConditions(executor: RegistryExecutor): Promise<TemplateCondition[]> {
  const { rows } = await sql<TemplateCondition>`
    SELECT t.key, t.trouble_code, t.trouble_detail,
           coalesce((SELECT jsonb_array_length(v.not_carried) FROM template_versions v
                      WHERE v.template_id = t.id ORDER BY v.created_at DESC LIMIT 1), 0) AS not_carried,
           (SELECT max(c.looked_at) FROM template_copies c WHERE c.template_id = t.id) AS looked_at,
           (SELECT count(*) FROM template_copies c WHERE c.template_id = t.id AND c.status = 'ready') AS copies
      FROM templates t ORDER BY t.created_at`.execute(executor);
  return rows;
}

/** Who says that it is alive, and how long ago it last did. */
export async function listSilences(
  executor: RegistryExecutor,
): Promise<{ name: string; silentMs: number }[]> {
  const { rows } = await sql<{ name: string; silentMs: number }>`
    SELECT name, greatest(0, extract(epoch FROM clock_timestamp() - beat_at))::float8 * 1000 AS silent_ms
      FROM heartbeats ORDER BY name`.execute(executor);
  return rows;
}
