import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { fingerprintDatabase } from '../src/databases/fingerprint.ts';
import type { TestPostgres } from '../test/support/postgres-server.ts';
import { openAdmin } from './bench-server.ts';
import type { TemplateFacts } from './installation.ts';
import { timed } from './take-turns.ts';

export type HandMade = { ms: number; database: string; faults: string[] };

/**
 * What a script by hand would do for a tenant, without a registry, without anything that survives a crash:
 * clone, two roles, sealing, a login as each, the fingerprint.
 */
export async function makeByHand(
  server: TestPostgres,
  { database: template, fingerprint: expected, neutral }: TemplateFacts,
): Promise<HandMade> {
  const id = randomBytes(6).toString('hex');
  const names = { database: `hand_${id}`, migrator: `hand_m_${id}`, application: `hand_a_${id}` };
  const password = randomBytes(12).toString('hex');
  const login = (user: string) =>
    new pg.Client({ host: server.host, port: server.port, database: names.database, user, password });
  const { ms, result } = await timed(async () => {
    const admin = await openAdmin(server, 'postgres');
    for (const statement of statements({ ...names, template, password, neutral }))
      await admin.query(statement);
    const application = login(names.application);
    await application.connect();
    const { rows } = await application.query<{ role: string }>('SELECT current_user AS role');
    await application.end();
    const migrator = login(names.migrator);
    await migrator.connect();
    const found = await fingerprintDatabase(migrator, { neutral, dataTables: [] });
    await Promise.all([migrator.end(), admin.end()]);
    return { found, role: rows[0]?.role };
  });
  const faults = [
    ...(JSON.stringify(result.found) === JSON.stringify(expected) ? [] : ['the fingerprint differs']),
    ...(result.role === names.application ? [] : [`the login acts as ${result.role}`]),
  ];
  return { ms, database: names.database, faults };
}

type Script = {
  database: string;
  migrator: string;
  application: string;
  template: string;
  password: string;
  neutral: TemplateFacts['neutral'];
};

function statements({ database, migrator, application, template, password, neutral }: Script): string[] {
  return [
    `CREATE ROLE ${migrator} LOGIN PASSWORD '${password}' CONNECTION LIMIT 4 IN ROLE ${neutral.owner};
     ALTER ROLE ${migrator} SET role = '${neutral.owner}';
     CREATE ROLE ${application} LOGIN PASSWORD '${password}' CONNECTION LIMIT 10 IN ROLE ${neutral.application};
     ALTER ROLE ${application} SET temp_file_limit = '512MB'`,
    `CREATE DATABASE ${database} TEMPLATE ${template} ALLOW_CONNECTIONS false STRATEGY wal_log`,
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC;
     GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${migrator}, ${application};
     GRANT CREATE ON DATABASE ${database} TO ${neutral.owner};
     ALTER DATABASE ${database} ALLOW_CONNECTIONS true`,
  ];
}
