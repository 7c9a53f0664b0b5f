import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import type { DatabaseServer } from '../../src/databases/database-server.ts';
import { fingerprintDatabase } from '../../src/databases/fingerprint.ts';
import { ensureNeutralRoles } from '../../src/databases/neutral-roles.ts';
import { openServerSession, type ServerSession } from '../../src/databases/server-session.ts';
import { buildTemplate } from '../../src/databases/template-build.ts';
import { discardTemplate } from '../../src/databases/template-database.ts';
import { plainly } from '../../src/provisioning/failpoints.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
const id = newNamePart();
const managed = { user: `managed_${id}`, password: 'managed' };
const neutral = { owner: `tm_owner_m_${id}`, application: `tm_app_m_${id}` };
const names = { template: `tm_template_m_${id}`, builderRole: `tm_builder_m_${id}` };

let on: TemplatePlace;
let session: ServerSession;
let server: DatabaseServer;
let source: string;

beforeAll(async () => {
  on = await openTemplatePlace();
  server = { ...on.server, admin: managed };
  await on.session.run(`CREATE ROLE ${managed.user} LOGIN CREATEDB CREATEROLE PASSWORD 'managed'`);
  session = await openServerSession(server, { applicationName: 'test', statementTimeoutMs: 30_000 });
  await ensureNeutralRoles(session, neutral);
  source = await on.makeSource('SELECT 1');
  await on.session.run(`ALTER DATABASE ${source} OWNER TO ${managed.user}`);
});
afterAll(async () => {
  await discardTemplate(session, names);
  await session.close();
  await on.session.run(`DROP DATABASE ${source} WITH (FORCE)`);
  await on.session.run(`DROP ROLE ${neutral.owner}, ${neutral.application}, ${managed.user}`);
  await on.close();
});

describe.skipIf(tools === null)('where the platform’s login is no superuser', () => {
  it('builds the template and reports what it may not make', async () => {
    if (tools === null) throw new Error('There are no tools.');
    await on.query(
      source,
      `CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
       CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
       CREATE PUBLICATION everything FOR ALL TABLES;
       SET ROLE ${managed.user};
       CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id int PRIMARY KEY, h hstore, m mood);
       CREATE FUNCTION secret() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
       REVOKE EXECUTE ON FUNCTION secret() FROM PUBLIC`,
    );
    const log = { info: () => undefined, warn: () => undefined };
    const signal = AbortSignal.timeout(30_000);
    const from = { kind: 'database' as const, name: source, tools };
    const built = await buildTemplate({
      around: plainly,
      server,
      session,
      source: from,
      names,
      neutral,
      dataTables: [],
      signal,
      log,
    });
    expect(built.notCarried.map(({ kind, name }) => `${kind}: ${name}`)).toEqual([
      expect.stringMatching(/^object: PUBLICATION - everything/),
      expect.stringMatching(/^object: EVENT TRIGGER - noted/),
    ]);

    const clone = `clone_${id}`;
    await session.run(`CREATE DATABASE ${clone} TEMPLATE ${names.template}`);
    await session.run(`GRANT CONNECT ON DATABASE ${clone} TO ${neutral.owner}`);
    const client = await on.connect(clone);
    await client.query(`SET ROLE ${neutral.owner}`);
    const found = await fingerprintDatabase(client, { neutral, dataTables: [] });
    const { rows } = await client.query(
      `SELECT has_function_privilege('public', 'public.secret()', 'EXECUTE') AS open,
              has_table_privilege('${neutral.application}', 'public.t', 'INSERT') AS writes`,
    );
    await client.end();
    await session.run(`DROP DATABASE ${clone}`);
    expect({ found, rows }).toEqual({ found: built.fingerprint, rows: [{ open: false, writes: true }] });
  });
});
