import pg from 'pg';
import type { SharedPostgres } from './shared-postgres.ts';

type Server = Pick<SharedPostgres, 'host' | 'port' | 'admin'>;
type Installation = { registry: string; databasePrefix: string };

/**
 * Compares registry and server in plain SQL, knowing nothing of the code: one sentence for each thing that is
 * not as it must be once nothing is under way.
 */
export async function findInconsistencies(
  server: Server,
  { registry, databasePrefix }: Installation,
): Promise<string[]> {
  const [said] = await query<{ things: string; tenants: string; id: string }>(server, registry, [
    WHAT_IS_SAID,
  ]);
  if (said === undefined) throw new Error('The registry says nothing.');
  const { things, tenants, id } = said;
  const [within, between] = await Promise.all([
    query<{ sentence: string }>(server, registry, [WITHIN_THE_REGISTRY]),
    query<{ sentence: string }>(server, 'postgres', [ON_THE_SERVER, [things, tenants, databasePrefix, id]]),
  ]);
  return [...between, ...within].map(({ sentence }) => sentence);
}

/** Names with what they must be; `may` where something is under way, so that both there and not there is right. */
const WHAT_IS_SAID = `
  WITH settled AS (
    SELECT *, CASE WHEN status IN ('active', 'suspended', 'read_only', 'maintenance', 'frozen', 'deleting')
                   THEN 'must' ELSE 'may' END AS stand
      FROM tenant_registry WHERE database_name IS NOT NULL
  ), thing (name, kind, part, stand) AS (
    SELECT database_name, 'database', 'tenant', stand FROM settled
    UNION ALL SELECT renamed_from, 'database', 'tenant', 'may' FROM settled WHERE renamed_from IS NOT NULL
    UNION ALL SELECT migrator_role, 'role', 'migrator', stand FROM settled
    UNION ALL SELECT application_role, 'role', 'application', stand FROM settled
    UNION ALL SELECT database_name, 'database', 'template',
                     CASE status WHEN 'ready' THEN 'must' ELSE 'may' END FROM template_copies
    UNION ALL SELECT builder_role, 'role', 'builder', 'may' FROM template_copies WHERE status <> 'ready'
    UNION ALL SELECT database_name, 'database', 'warm',
                     CASE status WHEN 'ready' THEN 'must' ELSE 'may' END FROM warm_databases
    UNION ALL SELECT unnest(ARRAY[migrator_role, application_role]), 'role',
                     unnest(ARRAY['migrator', 'application']),
                     CASE status WHEN 'ready' THEN 'must' ELSE 'may' END FROM warm_databases
    UNION ALL SELECT name, kind, 'quarantine', 'must' FROM quarantined_objects
  )
  SELECT (SELECT coalesce(json_agg(thing), '[]') FROM thing)::text AS things,
         (SELECT coalesce(json_agg(json_build_object('database', database_name, 'migrator', migrator_role,
                                                     'application', application_role)), '[]')
            FROM settled WHERE stand = 'must')::text AS tenants,
         (SELECT installation_id FROM installation) AS id`;

/** $1 the things, $2 the settled tenants, $3 the prefix of their databases, $4 the installation's id. */
const ON_THE_SERVER = `
  WITH thing AS (
    SELECT * FROM json_to_recordset($1::json) AS t (name text, kind text, part text, stand text)
  ), tenant AS (
    SELECT * FROM json_to_recordset($2::json) AS t (database text, migrator text, application text)
  ), base AS (
    SELECT d.*, d.datname::text AS name, pg_get_userbyid(d.datdba)::text AS owner FROM pg_database d
     WHERE starts_with(d.datname, $3) OR starts_with(d.datname, 'tm_' || $4 || '_')
        OR d.datname IN (SELECT name FROM thing WHERE kind = 'database')
  ), role AS (
    SELECT r.*, r.rolname::text AS name FROM pg_roles r
     WHERE r.rolname::text ~ ('^([ma]_' || $4 || '_|tm_' || $4 || '_builder_)')
        OR r.rolname IN (SELECT name FROM thing WHERE kind = 'role')
  ), existing AS (
    SELECT name, 'database' AS kind FROM base UNION ALL SELECT name, 'role' FROM role
  ), login AS (
    SELECT name, part, CASE part WHEN 'migrator' THEN 'tm_' || $4 || '_owner' ELSE 'tm_' || $4 || '_app' END AS grp
      FROM thing WHERE kind = 'role' AND part IN ('migrator', 'application') AND stand = 'must'
  )
  SELECT format('%s %s exists, and the registry does not name it', kind, name) AS sentence FROM existing
   WHERE (name, kind) NOT IN (SELECT name, kind FROM thing)
  UNION ALL
  SELECT format('%s %s is named by the registry, and does not exist', kind, name) FROM thing
   WHERE stand = 'must' AND (name, kind) NOT IN (SELECT name, kind FROM existing)
  UNION ALL
  SELECT format('database %s is half dropped', name) FROM base WHERE datconnlimit = -2
  UNION ALL
  SELECT format('database %s is open to PUBLIC', name) FROM base
   WHERE starts_with(name, $3) AND datallowconn AND has_database_privilege('public', oid, 'CONNECT')
  UNION ALL
  SELECT format('database %s is closed to its tenant', name) FROM base
   WHERE NOT datallowconn AND datconnlimit <> -2
     AND name IN (SELECT name FROM thing WHERE part IN ('tenant', 'warm') AND stand = 'must')
  UNION ALL
  SELECT format('template %s can be entered or is no template', name) FROM base
   WHERE (datallowconn OR NOT datistemplate)
     AND name IN (SELECT name FROM thing WHERE part = 'template' AND stand = 'must')
  UNION ALL
  SELECT format('database %s is in quarantine and can be entered', name) FROM base
   WHERE datallowconn AND name IN (SELECT name FROM thing WHERE part = 'quarantine')
  UNION ALL
  SELECT format('database %s belongs to %s', name, owner) FROM base
   WHERE owner ~ ('^([ma]|tm)_' || $4 || '_')
  UNION ALL
  SELECT format('database %s is marked as a template', name) FROM base
   WHERE datistemplate AND name IN (SELECT database FROM tenant)
  UNION ALL
  SELECT format('role %s may not enter database %s', r.name, t.database)
    FROM tenant t JOIN base b ON b.name = t.database JOIN role r ON r.name IN (t.migrator, t.application)
   WHERE NOT has_database_privilege(r.oid, b.oid, 'CONNECT')
  UNION ALL
  SELECT format('role %s has rights on database %s of another', r.name, b.name)
    FROM base b CROSS JOIN LATERAL aclexplode(b.datacl) a JOIN role r ON r.oid = a.grantee
    LEFT JOIN tenant t ON t.database = b.name
   WHERE b.name IN (SELECT database FROM tenant) AND r.name NOT IN (t.migrator, t.application)
  UNION ALL
  SELECT format('role %s has rights on the whole server', name) FROM role
   WHERE rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls
  UNION ALL
  SELECT format('role %s may not log in', r.name) FROM role r JOIN login l USING (name) WHERE NOT r.rolcanlogin
  UNION ALL
  SELECT format('role %s may have any number of connections', r.name) FROM role r JOIN login l USING (name)
   WHERE r.rolconnlimit < 0
  UNION ALL
  SELECT format('role %s is not a member of %s alone', r.name, l.grp) FROM role r JOIN login l USING (name)
   WHERE ARRAY(SELECT pg_get_userbyid(m.roleid)::text FROM pg_auth_members m WHERE m.member = r.oid)
         IS DISTINCT FROM ARRAY[l.grp]
  UNION ALL
  SELECT format('role %s can log in or is missing', name) FROM (VALUES ('tm_' || $4 || '_owner'), ('tm_' || $4 || '_app')) n (name)
   WHERE EXISTS (SELECT FROM tenant) AND name NOT IN (SELECT rolname FROM pg_roles WHERE NOT rolcanlogin)`;

const WITHIN_THE_REGISTRY = `
  SELECT format('tenant %s is active and has no ADMIN', t.slug) AS sentence FROM tenant_registry t
   WHERE t.status = 'active'
     AND NOT EXISTS (SELECT FROM tenant_members m WHERE m.tenant_id = t.id AND m.role = 'ADMIN')
  UNION ALL
  SELECT format('tenant %s is active and has no fingerprint', slug) FROM tenant_registry
   WHERE status = 'active' AND schema_fingerprint IS NULL
  UNION ALL
  SELECT format('tenant %s was activated %s times, and %s events tell of it', t.slug, made.times, told.times)
    FROM tenant_registry t
    CROSS JOIN LATERAL (SELECT count(*) AS times FROM provisioning_runs r
                         WHERE r.tenant_id = t.id AND r.kind = 'provision' AND r.status = 'completed') made
    CROSS JOIN LATERAL (SELECT count(*) AS times FROM outbox o
                         WHERE o.topic = 'event.tenant.activated' AND o.payload ->> 'tenant_id' = t.id::text) told
   WHERE made.times <> told.times
  UNION ALL
  SELECT format('tenant %s is %s, and no run is open for it', t.slug, t.status) FROM tenant_registry t
   WHERE t.status IN ('requested', 'provisioning', 'purging')
     AND NOT EXISTS (SELECT FROM provisioning_runs r WHERE r.tenant_id = t.id AND r.generation = t.generation
                        AND (r.status IN ('pending', 'processing') OR r.needs_attention))
  UNION ALL
  SELECT format('run %s of tenant %s has been left alone for minutes', r.id, t.slug)
    FROM provisioning_runs r JOIN tenant_registry t ON t.id = r.tenant_id
   WHERE r.status IN ('pending', 'processing')
     AND greatest(r.not_before, r.heartbeat_at, r.rung_at, r.created_at) < now() - interval '2 minutes'
  UNION ALL
  SELECT format('task %s has been left alone for minutes', id) FROM tasks
   WHERE status IN ('pending', 'processing')
     AND greatest(not_before, heartbeat_at, rung_at, created_at) < now() - interval '2 minutes'
  UNION ALL
  SELECT format('tenant %s was accepted, and is not in the registry', k.resource_id) FROM idempotency_keys k
   WHERE k.resource_id IS NOT NULL AND k.resource_id NOT IN (SELECT id FROM tenant_registry)
  UNION ALL
  SELECT format('tenant %s is gone, and its names or secrets are still there', slug) FROM tenant_registry
   WHERE status = 'deleted'
     AND num_nonnulls(database_name, renamed_from, migrator_role, application_role, sealed_data_key,
                      sealed_application_password, sealed_migrator_password) > 0`;

type Statement = [text: string, values?: string[]];

async function query<Row extends pg.QueryResultRow>(
  { host, port, admin }: Server,
  database: string,
  [text, values = []]: Statement,
): Promise<Row[]> {
  const client = new pg.Client({ host, port, ...admin, database });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
