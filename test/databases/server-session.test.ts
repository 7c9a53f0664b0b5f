import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseServer } from '../../src/databases/database-server.ts';
import { dropTenantDatabase } from '../../src/databases/drop-database.ts';
import { ensureNeutralRoles } from '../../src/databases/neutral-roles.ts';
import { quoteIdentifier, quoteLiteral } from '../../src/databases/quote.ts';
import { newPassword, scramVerifier } from '../../src/databases/scram-verifier.ts';
import { openServerSession, type ServerSession } from '../../src/databases/server-session.ts';
import { sqlState } from '../../src/databases/sql-state.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { newTenant, startTenantServer, type TenantServer } from './tenant-server.ts';

failOnLeaks();

let on: TenantServer;

beforeAll(async () => {
  on = await startTenantServer();
});
afterEach(() => on.endLogins());
afterAll(() => on.stop());

const open = (as: DatabaseServer, more: { statementTimeoutMs?: number; database?: string } = {}) =>
  openServerSession(as, { applicationName: 'test', statementTimeoutMs: 5_000, ...more });

function verifiersOf(passwords: { migrator: string; application: string }) {
  return {
    migrator: scramVerifier(passwords.migrator),
    application: scramVerifier(passwords.application),
  };
}

async function pidOf(session: ServerSession): Promise<number> {
  const [row] = await session.rows<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return row?.pid ?? 0;
}

describe('openServerSession', () => {
  it('knows what the server and the login can do', () => {
    expect(on.session.features).toMatchObject({
      major: on.postgres.major,
      isSuperuser: true,
      canCreateDatabase: true,
      canCreateRole: true,
      canSignalBackends: true,
      hasCreateStrategy: on.postgres.major >= 15,
      isDirect: true,
    });
  });

  it('makes the server watch its client, and trusts no function of a tenant', async () => {
    const settings = await on.session.rows(
      `SELECT current_setting('client_connection_check_interval') AS "checks", current_setting('search_path') AS path,
              current_setting('statement_timeout') AS "statement", current_setting('lock_timeout') AS "lock"`,
    );
    expect(settings).toEqual([
      { checks: '200ms', path: 'pg_catalog,pg_temp', statement: '20s', lock: '10s' },
    ]);
  });

  it('names the login that was refused, and what to check', async () => {
    const wrong = { ...on.server, admin: { user: 'postgres', password: 'wrong' } };
    await expect(open(wrong)).rejects.toMatchObject({ code: 'admin_login_refused', retry: 'later' });
    const empty = { ...on.server, admin: { user: 'postgres', password: '' } };
    await expect(open(empty)).rejects.toMatchObject({ code: 'admin_login_refused' });
  });

  it('says why a server cannot be reached', async () => {
    await expect(open({ ...on.server, port: 1 })).rejects.toMatchObject({
      code: 'database_server_unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await expect(open({ ...on.server, tls: { mode: 'require' } })).rejects.toMatchObject({
      code: 'database_server_unreachable',
      message: expect.stringContaining('SSL'),
    });
  });

  it('leaves a missing database to the caller', async () => {
    const state = await open(on.server, { database: 'nowhere' }).then(
      () => 'succeeded',
      (error: unknown) => sqlState(error),
    );
    expect(state).toBe('3D000');
  });

  it('reports the end of its session instead of ending the process', async () => {
    const session = await open(on.server);
    await on.session.run('SELECT pg_terminate_backend($1)', [await pidOf(session)]);
    await expect(session.rows('SELECT 1')).rejects.toMatchObject({ code: 'database_server_unreachable' });
    await session.close();
  });

  it('ends what takes too long, without showing the statement', async () => {
    const session = await open(on.server, { statementTimeoutMs: 50 });
    const failure = session.run("SELECT pg_sleep(5), 'secret'");
    await expect(failure).rejects.toMatchObject({
      code: 'deadline_exceeded',
      message: expect.not.stringContaining('secret'),
    });
    await session.close();
  });

  it('works for a login without superuser, from the neutral roles to the DROP', async () => {
    const password = newPassword();
    await on.session.run(
      `CREATE ROLE plain LOGIN CREATEDB CREATEROLE PASSWORD ${quoteLiteral(scramVerifier(password))}`,
    );
    await on.session.run('GRANT CONNECT ON DATABASE postgres TO plain; GRANT pg_signal_backend TO plain');
    const session = await on.openSession({ ...on.server, admin: { user: 'plain', password } });
    expect(session.features).toMatchObject({
      isSuperuser: false,
      canCreateRole: true,
      canSignalBackends: true,
    });
    const neutral = { owner: 'tm_owner_plain', application: 'tm_app_plain' };
    await ensureNeutralRoles(session, neutral);
    const { names, passwords } = await on.makeTenant(session, newTenant(), neutral);
    await on.makeTenant(session, { names, passwords, verifiers: newTenant().verifiers }, neutral);
    await on.makeTenant(session, { names, passwords, verifiers: verifiersOf(passwords) }, neutral);
    const client = await on.logIn(names.migratorRole, passwords.migrator, names.database);
    await client.query('CREATE SCHEMA made');
    await dropTenantDatabase(session, names);
  });

  it('names the missing right and the SQL that gives it', async () => {
    const password = newPassword();
    await on.session.run(`CREATE ROLE weak LOGIN PASSWORD ${quoteLiteral(scramVerifier(password))}`);
    await on.session.run('GRANT CONNECT ON DATABASE postgres TO weak');
    const session = await on.openSession({ ...on.server, admin: { user: 'weak', password } });
    await expect(session.run('CREATE DATABASE never ALLOW_CONNECTIONS false')).rejects.toMatchObject({
      code: 'admin_lacks_rights',
      message: expect.stringContaining('ALTER ROLE "weak" CREATEDB'),
    });
  });
});

describe('lock', () => {
  it('is held by one session, until it is given back or the session ends', async () => {
    const [first, second] = [await open(on.server), await open(on.server)];
    expect(await first.lock('a', 0)).toBe(true);
    expect(await second.lock('a', 50)).toBe(false);
    expect(await second.lock('b', 50)).toBe(true);
    await first.unlock('a');
    expect(await second.lock('a', 50)).toBe(true);
    const waiting = first.lock('a', 10_000);
    await second.close();
    expect(await waiting).toBe(true);
    await first.close();
  });

  it('waits longer than a statement may take, and leaves the limits as they were', async () => {
    const [holder, session] = [await open(on.server), await open(on.server, { statementTimeoutMs: 100 })];
    await holder.lock('long', 0);
    const waiting = session.lock('long', 10_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await holder.unlock('long');
    expect(await waiting).toBe(true);
    expect(await session.rows('SHOW statement_timeout')).toEqual([{ statement_timeout: '100ms' }]);
    expect(await session.rows('SHOW lock_timeout')).toEqual([{ lock_timeout: '100ms' }]);
    await holder.close();
    await session.close();
  });

  it('is refused where it would protect nothing', async () => {
    const session = await open(on.server, { database: 'template1' });
    await expect(session.lock('a', 0)).rejects.toThrow('postgres');
    await session.close();
  });
});

describe('against the server', () => {
  it('reads back every quoted literal and identifier as it was', async () => {
    const anyText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => {
      return !text.includes('\0') && Buffer.from(text).toString() === text && Buffer.byteLength(text) <= 63;
    });
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const [row] = await on.session.rows(`SELECT ${quoteLiteral(text)} AS ${quoteIdentifier(text)}`);
        expect(Object.entries(row ?? {})).toEqual([[text, text]]);
      }),
      { numRuns: 300 },
    );
  });

  it.each([1, 4096])('logs in with a verifier of %s iterations, and not with another password', async (n) => {
    const password = newPassword();
    await on.session.run(`CREATE ROLE scram_${n} LOGIN PASSWORD ${quoteLiteral(scramVerifier(password, n))}`);
    await on.session.run(`GRANT CONNECT ON DATABASE postgres TO scram_${n}`);
    const client = await on.logIn(`scram_${n}`, password, 'postgres');
    expect((await client.query('SELECT session_user')).rows).toEqual([{ session_user: `scram_${n}` }]);
    await expect(on.logIn(`scram_${n}`, newPassword(), 'postgres')).rejects.toMatchObject({ code: '28P01' });
  });

  it('computes no verifier for a password that would need preparation', () => {
    expect(() => scramVerifier('pässwörd')).toThrow(TypeError);
    expect(() => scramVerifier('')).toThrow(TypeError);
    expect(newPassword()).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});
