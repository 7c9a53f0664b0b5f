import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMasterSeal } from '../../src/registry/master-seal.ts';
import { grantToRuntime } from '../../src/registry/migrate-registry.ts';
import { openRegistry, type RegistryDatabase } from '../../src/registry/registry-database.ts';
import { sealAuditRows, verifyAuditChain } from '../../src/registry/repositories/audit-chain.ts';
import { recordAudit, systemActor } from '../../src/registry/repositories/audit-log.ts';
import { runOn } from '../support/provisioning-bench.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

const digest = createMasterSeal('a master key of the tests that is long enough').hmac;

let registry: TestRegistry;
beforeAll(async () => {
  registry = await createTestRegistry();
});
afterAll(() => registry.drop());

/** As somebody who owns the server, and for whom triggers are no obstacle. */
const tamper = (statement: string) =>
  runOn(sharedPostgres(), registry.login.database, `SET session_replication_role = replica; ${statement}`);
const seal = (limit = 100) => sealAuditRows(registry.database, { digest, limit });
const verify = () => verifyAuditChain(registry.database, digest);
const record = (action: string) =>
  recordAudit(registry.database, { actor: systemActor, action, after: { what: 'ever', n: 1.5 } });

async function ids(): Promise<number[]> {
  const rows = await registry.database.selectFrom('auditLog').select('id').orderBy('id').execute();
  return rows.map(({ id }) => id);
}

beforeEach(async () => {
  await tamper('TRUNCATE audit_log, audit_chain, audit_unsealed, audit_head');
  for (const n of [1, 2, 3, 4, 5]) await record(`test.number_${n}`);
});

describe('the chain of the audit log', () => {
  it('takes in every row once, in portions, and finds all as written', async () => {
    expect(await verify()).toMatchObject({ sealed: 0, waiting: 5, broken: undefined });
    expect([await seal(2), await seal(2), await seal(2), await seal(2)]).toEqual([2, 2, 1, 0]);
    expect(await verify()).toMatchObject({ sealed: 5, waiting: 0, broken: undefined });
    const { head } = await verify();
    await record('test.more');
    await seal();
    const after = await verify();
    expect(after).toMatchObject({ sealed: 6, broken: undefined });
    expect(after.head).not.toBe(head);
  });

  it('is made by one process at a time, whoever comes', async () => {
    const sealed = await Promise.all(Array.from({ length: 6 }, () => seal()));
    expect(sealed.reduce((sum, each) => sum + each, 0)).toBe(5);
    expect(await verify()).toMatchObject({ sealed: 5, broken: undefined });
  });

  it('holds nobody up, and misses nobody whose transaction takes long', async () => {
    let commit: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let isWritten: () => void = () => undefined;
    const written = new Promise<void>((resolve) => {
      isWritten = resolve;
    });
    const slow = registry.database.transaction().execute(async (trx) => {
      await recordAudit(trx, { actor: systemActor, action: 'test.slow' });
      isWritten();
      await gate;
    });
    await written;
    await record('test.quick');
    expect(await seal()).toBe(6);
    commit();
    await slow;
    expect(await seal()).toBe(1);
    expect(await verify()).toMatchObject({ sealed: 7, broken: undefined, waiting: 0 });
  });

  it('leaves out what was rolled back', async () => {
    const broken = registry.database.transaction().execute(async (trx) => {
      await recordAudit(trx, { actor: systemActor, action: 'test.rolled_back' });
      throw new Error('taken back');
    });
    await expect(broken).rejects.toThrow('taken back');
    expect(await seal()).toBe(5);
    expect(await verify()).toMatchObject({ sealed: 5, broken: undefined });
  });

  it('takes neither update nor delete of whoever is not superuser', async () => {
    await seal();
    const { database } = registry;
    await expect(database.deleteFrom('auditChain').execute()).rejects.toThrow(/append-only/);
    await expect(
      database
        .updateTable('auditChain')
        .set({ hash: Buffer.alloc(32) })
        .execute(),
    ).rejects.toThrow(/append-only/);
  });
});

describe('a runtime login that owns nothing', () => {
  const login = { user: `runtime_${randomUUID().slice(0, 8)}`, password: 'of the runtime' };
  let runtime: RegistryDatabase;
  beforeAll(async () => {
    await tamper(`CREATE ROLE ${login.user} LOGIN PASSWORD '${login.password}'`);
    await grantToRuntime(registry.database, login.user);
    runtime = openRegistry({
      login: { ...registry.login, ...login },
      applicationName: 'test',
      poolMax: 2,
      poolTimeoutMs: 10_000,
      onConnectionError: (error) => {
        throw error;
      },
    });
  });
  afterAll(async () => {
    await runtime.destroy();
    await tamper(`DROP OWNED BY ${login.user}; DROP ROLE ${login.user}`);
  });

  it('adds to the log, seals and verifies it', async () => {
    await recordAudit(runtime, { actor: systemActor, action: 'test.runtime' });
    expect(await sealAuditRows(runtime, { digest, limit: 100 })).toBe(6);
    expect(await sealAuditRows(runtime, { digest, limit: 100 })).toBe(0);
    expect(await verifyAuditChain(runtime, digest)).toMatchObject({ sealed: 6, broken: undefined });
  });

  it.each(['audit_log', 'audit_chain'])('has no right to change %s, whatever triggers say', async (table) => {
    await seal();
    for (const statement of [`DELETE FROM ${table}`, `TRUNCATE ${table}`]) {
      await expect(sql.raw(statement).execute(runtime)).rejects.toThrow(/permission denied/);
    }
    expect(await verify()).toMatchObject({ sealed: 5, broken: undefined });
  });
});

describe('what a superuser does to it is found:', () => {
  it.each(['action', 'actor_id', 'request_id'])('another %s', async (column) => {
    await seal();
    const [, second] = await ids();
    await tamper(`UPDATE audit_log SET ${column} = 'forged.thing' WHERE id = ${second}`);
    expect((await verify()).broken).toEqual({ kind: 'altered', position: 2, auditId: second });
  });

  it('another time, by a microsecond', async () => {
    await seal();
    const [, , third] = await ids();
    await tamper(`UPDATE audit_log SET at = at + interval '1 microsecond' WHERE id = ${third}`);
    expect((await verify()).broken).toEqual({ kind: 'altered', position: 3, auditId: third });
  });

  it('another content', async () => {
    await seal();
    const [, , , fourth] = await ids();
    await tamper(`UPDATE audit_log SET after = '{"what": "nothing"}' WHERE id = ${fourth}`);
    expect((await verify()).broken).toEqual({ kind: 'altered', position: 4, auditId: fourth });
  });

  it('a row that is gone', async () => {
    await seal();
    const [, , third] = await ids();
    await tamper(`DELETE FROM audit_log WHERE id = ${third}`);
    expect((await verify()).broken).toEqual({ kind: 'removed', position: 3, auditId: third });
  });

  it('a row that is gone with its link', async () => {
    await seal();
    const [, , third, fourth] = await ids();
    await tamper(
      `DELETE FROM audit_log WHERE id = ${third}; DELETE FROM audit_chain WHERE audit_id = ${third}`,
    );
    expect((await verify()).broken).toEqual({ kind: 'chain_gap', position: 4, auditId: fourth });
  });

  it('an end that was cut off', async () => {
    await seal();
    const [, , , , fifth] = await ids();
    await tamper(
      `DELETE FROM audit_log WHERE id = ${fifth}; DELETE FROM audit_chain WHERE audit_id = ${fifth}`,
    );
    expect((await verify()).broken).toEqual({ kind: 'cut_off', position: 5, auditId: null });
  });

  it('all of it away', async () => {
    await seal();
    await tamper('TRUNCATE audit_log, audit_chain');
    expect((await verify()).broken).toEqual({ kind: 'cut_off', position: 1, auditId: null });
  });

  it('a chain that was worked out anew without the key', async () => {
    await seal();
    const [, second] = await ids();
    await tamper(`UPDATE audit_log SET action = 'forged.thing' WHERE id = ${second}`);
    await tamper('TRUNCATE audit_chain, audit_head; INSERT INTO audit_unsealed SELECT id FROM audit_log');
    const otherKey = createMasterSeal('another master key that is long enough for it').hmac;
    await sealAuditRows(registry.database, { digest: otherKey, limit: 100 });
    expect((await verify()).broken).toMatchObject({ kind: 'altered', position: 1 });
  });

  it('a row that was smuggled in', async () => {
    await seal();
    await tamper("INSERT INTO audit_log (actor_kind, action) VALUES ('system', 'test.smuggled')");
    const smuggled = (await ids()).at(-1);
    expect((await verify()).broken).toEqual({ kind: 'smuggled_in', position: null, auditId: smuggled });
  });

  it('a row that was taken away before it was sealed', async () => {
    const [first] = await ids();
    await tamper(`DELETE FROM audit_log WHERE id = ${first}`);
    await seal();
    expect((await verify()).broken).toEqual({ kind: 'removed', position: null, auditId: first });
  });
});
