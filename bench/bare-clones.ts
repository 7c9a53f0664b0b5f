import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TestPostgres } from '../test/support/postgres-server.ts';
import { inDatabase, openAdmin } from './bench-server.ts';
import { type Trial, timed } from './take-turns.ts';

const connectionCounts = [1, 2, 4, 8];

/**
 * How many clones of the sample a second the server makes at best of several numbers of connections, which share
 * them, when that is all it is asked for.
 */
export async function bestCloneRate(server: TestPostgres, clones: number): Promise<Trial> {
  const prefix = `bare_${randomUUID().slice(0, 8)}_`;
  const template = `${prefix}template`;
  await inDatabase(server, 'postgres', (client) => client.query(`CREATE DATABASE ${template}`));
  await inDatabase(server, template, async (client) =>
    client.query(await readFile('samples/crm.sql', 'utf8')),
  );
  const rates: number[] = [];
  const share = Math.ceil(clones / connectionCounts.length);
  for (const connections of connectionCounts) {
    rates.push(await cloneRate(server, { template, connections, clones: share }));
  }
  const made = await countDatabases(server, prefix);
  const expected = share * connectionCounts.length + 1;
  return {
    value: Math.max(...rates),
    faults: made === expected ? [] : [`${made} databases were made instead of ${expected}`],
  };
}

type Cloning = { template: string; connections: number; clones: number };

async function cloneRate(server: TestPostgres, { template, connections, clones }: Cloning): Promise<number> {
  const clients = await Promise.all(Array.from({ length: connections }, () => openAdmin(server, 'postgres')));
  let left = clones;
  const { ms } = await timed(() =>
    Promise.all(
      clients.map(async (client) => {
        while (left > 0) {
          left -= 1;
          const name = `${template}_${connections}_${left}`;
          await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY wal_log`);
        }
      }),
    ),
  );
  await Promise.all(clients.map((client) => client.end()));
  return (clones * 1_000) / ms;
}

async function countDatabases(server: TestPostgres, prefix: string): Promise<number> {
  return inDatabase(server, 'postgres', async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE starts_with(datname, $1)', [
      prefix,
    ]);
    return rowCount ?? 0;
  });
}
