import pg from 'pg';
import { type SharedPostgres, sharedPostgres } from './shared-postgres.ts';

type Server = Pick<SharedPostgres, 'host' | 'port' | 'admin'>;

export type Sample = {
  /** On the run's server, of the database that is cloned. */
  name: string;
  /** Makes what every clone has, in an empty database. */
  fill: (database: string) => Promise<unknown>;
};

const ready = new Map<string, Promise<void>>();

/** A clone of the sample on the run's server: it takes a fifth of what filling another database does. */
export async function cloneSample(sample: Sample, database: string): Promise<void> {
  const made = ready.get(sample.name) ?? makeOnce(sample);
  ready.set(sample.name, made);
  await made;
  const { major } = sharedPostgres();
  // The other way writes every page to the log, which nobody reads here. Before 15 there was no other way.
  const strategy = major >= 15 ? 'STRATEGY file_copy' : '';
  await onServer((client) => client.query(`CREATE DATABASE ${database} TEMPLATE ${sample.name} ${strategy}`));
}

/** By the first file of the run that asks; the others wait for it. */
function makeOnce({ name, fill }: Sample): Promise<void> {
  return onServer(async (client) => {
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    const found = await client.query('SELECT datistemplate FROM pg_database WHERE datname = $1', [name]);
    if (found.rows[0]?.datistemplate === true) return;
    // Somebody ended halfway.
    if (found.rows.length > 0) await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${name}`);
    await fill(name);
    await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    await client.query(`ALTER DATABASE ${name} IS_TEMPLATE true ALLOW_CONNECTIONS false`);
  });
}

async function onServer<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const { host, port, admin }: Server = sharedPostgres();
  const client = new pg.Client({ host, port, ...admin, database: 'postgres' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
