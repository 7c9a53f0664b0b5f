import type pg from 'pg';
import { sharedPostgres } from './shared-postgres.ts';

/** What one installation of a test makes on the run's server. */
export type LeftDatabases = {
  registryName: string;
  sourceName: string;
  /** The tenants' names begin with it, and no others. */
  tenantPrefix: string;
};

const left: LeftDatabases[] = [];
const droppedAtOnce = 4;

/** To be dropped when the file is over: the server is kept in memory, and hundreds of benches fill gigabytes. */
export function dropAtTheEnd(databases: LeftDatabases): void {
  left.push(databases);
}

export async function dropLeftDatabases(): Promise<void> {
  if (left.length === 0) return;
  const names = (await Promise.all(left.splice(0).map(namesOf))).flat();
  const workers = Array.from({ length: droppedAtOnce }, () =>
    inDatabase('postgres', async (client) => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        // A template cannot be dropped, and what a DROP left half of cannot be altered.
        const template = await client.query('SELECT FROM pg_database WHERE datname = $1 AND datistemplate', [
          name,
        ]);
        if (template.rowCount === 1) await client.query(`ALTER DATABASE "${name}" IS_TEMPLATE false`);
        await client.query(`DROP DATABASE "${name}" WITH (FORCE)`);
      }
    }),
  );
  await Promise.all(workers);
}

async function namesOf({ registryName, sourceName, tenantPrefix }: LeftDatabases): Promise<string[]> {
  const exists = await find('datname = $1', [registryName]);
  const installation = exists.length > 0 ? await installationOf(registryName) : undefined;
  // A bench that never started made no template, and an empty prefix would be everybody's.
  const templatePrefix = installation === undefined ? registryName : `tm_${installation}_`;
  return find('datname IN ($1, $2) OR starts_with(datname, $3) OR starts_with(datname, $4)', [
    registryName,
    sourceName,
    tenantPrefix,
    templatePrefix,
  ]);
}

function find(condition: string, values: string[]): Promise<string[]> {
  return inDatabase('postgres', async (client) => {
    const { rows } = await client.query(`SELECT datname::text FROM pg_database WHERE ${condition}`, values);
    return rows.map(({ datname }) => datname);
  });
}

async function installationOf(registry: string): Promise<string | undefined> {
  return inDatabase(registry, async (client) => {
    const { rows } = await client.query(`SELECT to_regclass('public.installation') IS NOT NULL AS is_there`);
    if (!rows[0].is_there) return undefined;
    return (await client.query('SELECT installation_id FROM installation')).rows[0]?.installation_id;
  });
}

async function inDatabase<Result>(
  database: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  // Not for files that have nothing to do with a server.
  const { Client } = (await import('pg')).default;
  const { host, port, admin } = sharedPostgres();
  const client = new Client({ host, port, ...admin, database });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
