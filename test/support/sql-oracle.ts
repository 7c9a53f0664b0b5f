import pg from 'pg';
import type { SharedPostgres } from './shared-postgres.ts';

type Server = Pick<SharedPostgres, 'host' | 'port' | 'admin'>;
type Installation = { registry: string; databasePrefix: string };

/**
 * Compares registry and server in plain SQL, knowing nothing of the code: one sentence for each database or
 * role that exists and is not named, is named and does not exist, or stands open.
 */
export async function findInconsistencies(
  server: Server,
  { registry, databasePrefix }: Installation,
): Promise<string[]> {
  const named = await query(
    server,
    registry,
    `
    SELECT database_name AS name, 'database' AS kind FROM tenant_registry WHERE database_name IS NOT NULL
    UNION ALL SELECT migrator_role, 'role' FROM tenant_registry WHERE migrator_role IS NOT NULL
    UNION ALL SELECT application_role, 'role' FROM tenant_registry WHERE application_role IS NOT NULL
    UNION ALL SELECT renamed_from, 'database' FROM tenant_registry WHERE renamed_from IS NOT NULL
    UNION ALL SELECT unnest(ARRAY[database_name, migrator_role, application_role]), unnest(ARRAY['database', 'role', 'role'])
      FROM warm_databases
    UNION ALL SELECT database_name, 'database' FROM template_copies
    UNION ALL SELECT builder_role, 'role' FROM template_copies WHERE status = 'building'`,
  );
  const [installation] = await query(server, registry, `SELECT installation_id AS name FROM installation`);
  const id = installation?.name ?? '';
  const existing = await query(
    server,
    'postgres',
    `
    SELECT datname AS name, 'database' AS kind FROM pg_database
     WHERE starts_with(datname, '${databasePrefix}') OR starts_with(datname, 'tm_${id}_')
    UNION ALL SELECT rolname, 'role' FROM pg_roles
     WHERE starts_with(rolname, 'm_${id}_') OR starts_with(rolname, 'a_${id}_') OR starts_with(rolname, 'tm_${id}_builder_')`,
  );
  const open = await query(
    server,
    'postgres',
    `
    SELECT datname AS name, 'database' AS kind FROM pg_database
     WHERE starts_with(datname, '${databasePrefix}')
       AND datallowconn AND has_database_privilege('public', oid, 'CONNECT')`,
  );
  return [
    ...without(existing, named).map(
      ({ kind, name }) => `${kind} ${name} exists, and the registry does not name it`,
    ),
    ...without(named, existing).map(
      ({ kind, name }) => `${kind} ${name} is named by the registry, and does not exist`,
    ),
    ...open.map(({ name }) => `database ${name} is open to PUBLIC`),
  ];
}

type Thing = { name: string; kind: string };

function without(things: Thing[], others: Thing[]): Thing[] {
  return things.filter(
    (thing) => !others.some(({ name, kind }) => name === thing.name && kind === thing.kind),
  );
}

async function query({ host, port, admin }: Server, database: string, text: string): Promise<Thing[]> {
  const client = new pg.Client({ host, port, ...admin, database });
  await client.connect();
  try {
    return (await client.query<Thing>(text)).rows;
  } finally {
    await client.end();
  }
}
