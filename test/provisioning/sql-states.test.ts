import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseServer } from '../../src/databases/database-server.ts';
import { openServerSession, type ServerSession } from '../../src/databases/server-session.ts';
import { isAlreadyDone, sqlState } from '../../src/databases/sql-state.ts';
import { errors } from '../../src/errors/catalogue.ts';
import { judgeFailure } from '../../src/provisioning/judge-failure.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { type Bench, createProvisioningBench, runOn } from '../support/provisioning-bench.ts';

let postgres: TestPostgres;
let server: DatabaseServer;
const sessions: ServerSession[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres({ maxConnections: 20, settings: { max_locks_per_transaction: '10' } });
  server = { id: 'test', ...postgres, tls: { mode: 'disable' } };
  const setup = `CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);
    CREATE ROLE one_at_most LOGIN PASSWORD 'x' CONNECTION LIMIT 0; CREATE ROLE powerless LOGIN PASSWORD 'x';
    CREATE ROLE first; CREATE ROLE second`;
  await runOn(postgres, 'postgres', setup);
  for (const name of ['in_use', 'broken']) await runOn(postgres, 'postgres', `CREATE DATABASE ${name}`);
  await runOn(postgres, 'postgres', `UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'`);
});
afterEach(() => Promise.all(sessions.splice(0).map((each) => each.close())));
afterAll(() => postgres.stop());

async function open(over: { user?: string; password?: string; database?: string } = {}) {
  const { user = server.admin.user, password = server.admin.password, database } = over;
  const session = await openServerSession(
    { ...server, admin: { user, password } },
    { applicationName: 'test', statementTimeoutMs: 20_000, ...(database && { database }) },
  );
  sessions.push(session);
  return session;
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error,
  );
}

const backendOf = async (session: ServerSession) =>
  (await session.rows<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]?.pid ?? 0;

/** The second waits for what the first did not commit, and loses when it does. */
async function loseAgainst(first: string, second: string): Promise<unknown> {
  const [winner, loser] = [await open(), await open()];
  const pid = await backendOf(loser);
  await winner.run('BEGIN');
  await winner.run(first);
  const failure = failureOf(loser.run(second));
  await expect
    .poll(async () => winner.rows('SELECT 1 FROM pg_locks WHERE pid = $1 AND NOT granted', [pid]))
    .toHaveLength(1);
  await winner.run('COMMIT');
  return failure;
}

const provocations: Record<string, () => Promise<unknown>> = {
  async '57P01'() {
    const [victim, killer] = [await open(), await open()];
    const pid = await backendOf(victim);
    const failure = failureOf(victim.run('SELECT pg_sleep(30)'));
    await killer.run('SELECT pg_terminate_backend($1)', [pid]);
    return failure;
  },
  '53300': () => failureOf(open({ user: 'one_at_most', password: 'x' })),
  async '55006'() {
    await open({ database: 'in_use' });
    return failureOf((await open()).run('DROP DATABASE in_use'));
  },
  async '40001'() {
    const [loser, winner] = [await open(), await open()];
    await loser.run('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await loser.rows('SELECT n FROM public.counter');
    await winner.run('UPDATE public.counter SET n = n + 1');
    return failureOf(loser.run('UPDATE public.counter SET n = n + 1'));
  },
  async '40P01'() {
    const both = [await open(), await open()] as const;
    for (const [index, session] of both.entries()) {
      await session.run('BEGIN');
      await session.run('SELECT pg_advisory_xact_lock($1)', [index]);
    }
    const crossed = both.map((session, index) =>
      session.run('SELECT pg_advisory_xact_lock($1)', [1 - index]),
    );
    const results = await Promise.allSettled(crossed.map(async (one) => one.finally(() => undefined)));
    return results.find((result) => result.status === 'rejected')?.reason;
  },
  XX000: () =>
    loseAgainst(
      'GRANT CONNECT ON DATABASE postgres TO first',
      'GRANT CONNECT ON DATABASE postgres TO second',
    ),
  async '55P03'() {
    const [holder, waiter] = [await open(), await open()];
    await holder.run('BEGIN');
    await holder.run('LOCK TABLE public.counter');
    await waiter.run(`SET lock_timeout = '50ms'`);
    return failureOf(waiter.rows('SELECT n FROM public.counter'));
  },
  '42P04': async () => failureOf((await open()).run('CREATE DATABASE in_use')),
  '42710': async () => failureOf((await open()).run('CREATE ROLE first')),
  '23505': () => loseAgainst('CREATE ROLE raced', 'CREATE ROLE raced'),
  '28P01': () => failureOf(open({ password: 'wrong' })),
  '3D000': () => failureOf(open({ database: 'nowhere' })),
  '55000': () => failureOf(open({ database: 'broken' })),
  '42501': async () =>
    failureOf((await open({ user: 'powerless', password: 'x' })).run('CREATE DATABASE mine')),
  '42601': async () => failureOf((await open()).run('SELEC 1')),
  '53200': async () =>
    failureOf((await open()).rows('SELECT pg_advisory_lock(i) FROM generate_series(1, 1000000) i')),
  '54000': async () => failureOf((await open()).rows(`SELECT repeat('0123456789', 200000000)`)),
};

const judge = (error: unknown) => judgeFailure({ error, attempts: 1, failingMs: 0, giveUpAfterMs: 1_000 });

describe('what the server says', () => {
  it.each([
    ['57P01', 'retry', 'database_server_unreachable'],
    ['53300', 'retry', 'database_server_full'],
    ['55006', 'retry', 'database_server_busy'],
    ['40001', 'retry', 'database_server_busy'],
    ['40P01', 'retry', 'database_server_busy'],
    ['XX000', 'retry', 'database_server_busy'],
    ['55P03', 'retry', 'database_server_busy'],
    ['28P01', 'retry', 'admin_login_refused'],
    ['3D000', 'retry', 'internal_error'],
    ['55000', 'retry', 'internal_error'],
    ['53200', 'retry', 'database_server_full'],
    ['54000', 'retry', 'database_server_full'],
    ['42501', 'fail', 'admin_lacks_rights'],
    ['42601', 'fail', 'internal_error'],
  ])('with %s is judged: %s, as %s', async (state, verdict, code) => {
    const error = await provocations[state]?.();
    expect(sqlState(error)).toBe(state);
    expect(judge(error)).toMatchObject({ verdict, code });
  });

  it.each(['42P04', '42710', '23505'])('with %s is that somebody has done it already', async (state) => {
    const error = await provocations[state]?.();
    expect(sqlState(error)).toBe(state);
    expect(isAlreadyDone(error)).toBe(true);
    expect(isAlreadyDone(await provocations['42601']?.())).toBe(false);
  });
});

describe('a judgement', () => {
  it('ends when patience is over, but never for what somebody else has', () => {
    const late = { attempts: 100, failingMs: 1_001, giveUpAfterMs: 1_000 };
    expect(judgeFailure({ ...late, error: errors.serverBusy('x') }).verdict).toBe('fail');
    expect(judgeFailure({ ...late, error: errors.fenced() }).verdict).toBe('leave');
  });

  it.each([
    ['53100', 'retry'],
    ['58P01', 'retry'],
    ['P0001', 'retry'],
  ])('of %s, which is not provoked here, is %s', (code, verdict) => {
    const error = Object.assign(new Error('x'), { code, severity: 'ERROR' });
    expect(judge(error)).toMatchObject({ verdict, detail: `x (SQLSTATE ${code})` });
  });
});

describe('a server that goes', () => {
  it('is tried again, whether it crashes (57P02) or shuts down (57P03)', async () => {
    const own = await startTestPostgres();
    const at: DatabaseServer = { id: 'own', ...own, tls: { mode: 'disable' } };
    const options = { applicationName: 'test', statementTimeoutMs: 20_000 };
    const [victim, witness] = [await openServerSession(at, options), await openServerSession(at, options)];
    const crash = failureOf(witness.run('SELECT pg_sleep(30)'));
    process.kill(await backendOf(victim), 'SIGKILL');
    expect(judge(await crash)).toMatchObject({ verdict: 'retry', code: 'database_server_unreachable' });
    await Promise.all([victim.close(), witness.close()]);
    let last: ServerSession | undefined;
    await expect
      .poll(async () => {
        last = await openServerSession(at, options).catch(() => undefined);
        return last !== undefined;
      })
      .toBe(true);
    // A smart shutdown: who is in may stay.
    const pid = Number((await readFile(join(own.dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    process.kill(pid, 'SIGTERM');
    await expect
      .poll(async () =>
        sqlState(
          await openServerSession(at, options).then(
            (s) => s.close(),
            (e) => e,
          ),
        ),
      )
      .toBe('57P03');
    const refusal = await failureOf(openServerSession(at, options));
    expect(judge(refusal)).toMatchObject({ verdict: 'retry', code: 'database_server_unreachable' });
    await last?.close();
    await own.stop();
  });
});

describe('what can be mended is mended by the run itself', () => {
  let bench: Bench;
  let meddle: ((point: string) => Promise<void>) | undefined;
  beforeAll(async () => {
    bench = await createProvisioningBench({
      environment: { WARM_POOL_SIZE: '0' },
      around: async (point, effect) => {
        if (point === 'verify-database') await meddle?.(point);
        const result = await effect();
        if (point === 'create-database') await meddle?.(point);
        return result;
      },
    });
  });
  afterAll(() => bench.stop());

  const rowOf = (name: string) =>
    bench.platform.registry
      .selectFrom('tenantRegistry')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirstOrThrow();

  async function provision(name: string) {
    const { runId } = await bench.request(name);
    return bench.provisioning.waitForRun(runId, 40_000);
  }

  it.each(['migratorRole', 'applicationRole'] as const)(
    'a changed password of the %s (28P01)',
    async (role) => {
      const name = `Changed ${role}`;
      meddle = async (point) => {
        if (point !== 'verify-database') return;
        await bench.runOn('postgres', `ALTER ROLE "${(await rowOf(name))[role]}" PASSWORD 'changed'`);
      };
      expect(await provision(name)).toMatchObject({ status: 'completed' });
    },
  );

  it('a database that an interrupted DROP left invalid (55000)', async () => {
    const name = 'Invalid';
    let isDone = false;
    meddle = async (point) => {
      if (point !== 'create-database' || isDone) return;
      isDone = true;
      const { databaseName } = await rowOf(name);
      await bench.runOn(
        'postgres',
        `UPDATE pg_database SET datconnlimit = -2 WHERE datname = '${databaseName}'`,
      );
      throw errors.serverUnreachable('test', 'it went away in the middle');
    };
    expect(await provision(name)).toMatchObject({ status: 'completed' });
    const { databaseName } = await rowOf(name);
    const valid = `SELECT 1 FROM pg_database WHERE datname = '${databaseName}' AND datconnlimit = -1`;
    expect((await bench.runOn('postgres', valid)).rowCount).toBe(1);
  });
});
