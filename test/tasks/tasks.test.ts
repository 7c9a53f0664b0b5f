import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import { findTask, pruneTasks, takeForgottenTasks } from '../../src/registry/repositories/tasks.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { asker, useTaskBench } from './task-bench.ts';

failOnLeaks();
const bench = useTaskBench();
const { signal } = new AbortController();
const read = (id: string) => findTask(bench.database(), id);

/** As if its worker had fallen silent at this moment. */
async function silence(id: string): Promise<void> {
  await sql`UPDATE tasks SET heartbeat_at = now() - interval '1 minute' WHERE id = ${id}`.execute(
    bench.database(),
  );
}

test('whoever waits has the result as soon as it is there', async () => {
  const id = await bench.plan('deep');
  const seen: unknown[] = [];
  const answer = bench.tasks().waitForTask(id, 10_000);
  await bench.runner({
    'reconcile.plan': async (parameters) => {
      seen.push(parameters);
      return { findings: [1, 2] };
    },
  })(id, signal);
  expect(await answer).toMatchObject({ status: 'completed', result: { findings: [1, 2] }, owner: null });
  expect(seen).toEqual([{ depth: 'deep' }]);
});

test('whoever waits too briefly is told how far it is', async () => {
  const id = await bench.plan();
  expect(await bench.tasks().waitForTask(id, 50)).toMatchObject({ status: 'pending' });
});

test('a task is written with its outbox row and the word of who asked for it', async () => {
  const id = await bench.plan();
  expect(await read(id)).toMatchObject({ requestedBy: 'operator root', requestId: 'test' });
  const { rows } =
    await sql`SELECT topic FROM outbox WHERE payload = ${JSON.stringify({ task_id: id })}`.execute(
      bench.database(),
    );
  expect(rows).toEqual([{ topic: 'queue.run-task' }]);
  const audit = await sql`SELECT action, actor_id FROM audit_log WHERE after ->> 'id' = ${id}`.execute(
    bench.database(),
  );
  expect(audit.rows).toEqual([{ action: 'task.requested', actorId: 'root' }]);
});

test('an error is kept for the person who asked, and the task is not tried again by itself', async () => {
  const id = await bench.plan();
  let calls = 0;
  const run = bench.runner({
    'reconcile.plan': async () => {
      calls += 1;
      throw errors.serverUnreachable('s1', 'ECONNREFUSED');
    },
  });
  await run(id, signal);
  await run(id, signal);
  expect(calls).toBe(1);
  expect(await read(id)).toMatchObject({
    status: 'failed',
    errorCode: 'database_server_unreachable',
    errorDetail: expect.stringContaining('ECONNREFUSED'),
  });
});

test('log lines about a task name the tenant that it is about, and who asked', async () => {
  const tenantId = randomUUID();
  const id = await bench.tasks().requestTask({
    kind: 'tenant.rotate-credentials',
    parameters: { tenant_id: tenantId, actor: asker.actor },
    ...asker,
  });
  const before = bench.lines.length;
  await bench.runner({ 'tenant.rotate-credentials': async () => ({}) })(id, signal);
  expect(bench.lines.slice(before).map((line) => JSON.parse(line))).toMatchObject([
    { msg: 'Task completed', task_id: id, tenant_id: tenantId, request_id: 'test' },
  ]);
});

test('what is done stays done although the registry refuses to hear of it for a moment', async () => {
  const id = await bench.plan();
  const refuseTwice = `
    CREATE SEQUENCE refusals;
    CREATE FUNCTION refuse_twice() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF nextval('refusals') <= 2 THEN RAISE 'shutting down' USING ERRCODE = '57P01'; END IF;
      RETURN new;
    END $$;
    CREATE TRIGGER refuse_twice BEFORE UPDATE ON tasks FOR EACH ROW
      WHEN (new.status IN ('completed', 'failed')) EXECUTE FUNCTION refuse_twice()`;
  await sql.raw(refuseTwice).execute(bench.database());
  let calls = 0;
  const run = bench.runner({
    'reconcile.plan': async () => {
      calls += 1;
      return 'done';
    },
  });
  await run(id, signal);
  await sql`DROP TRIGGER refuse_twice ON tasks`.execute(bench.database());
  expect(calls).toBe(1);
  expect(await read(id)).toMatchObject({ status: 'completed', result: 'done', errorCode: null });
});

test('a result that the registry cannot keep fails by name', async () => {
  const id = await bench.plan();
  await bench.runner({ 'reconcile.plan': async () => 'a zero byte: \u0000' })(id, signal);
  expect(await read(id)).toMatchObject({ status: 'failed', errorCode: 'internal_error' });
});

test('many workers are rung, and one of them gets the task', async () => {
  const id = await bench.plan();
  let calls = 0;
  const run = bench.runner({
    'reconcile.plan': async () => {
      calls += 1;
      return calls;
    },
  });
  await Promise.all(Array.from({ length: 8 }, () => run(id, signal)));
  expect(await read(id)).toMatchObject({ status: 'completed', result: 1, attempts: 1 });
});

test('a silent worker’s task is another’s, and what it says afterwards counts no more', async () => {
  const id = await bench.plan();
  const release = new EventTarget();
  const hanging = bench.runner({
    'reconcile.plan': async () => {
      await once(release, 'go');
      return 'late';
    },
  })(id, signal);
  await expect.poll(async () => (await read(id))?.status).toBe('processing');
  await silence(id);
  await bench.runner({ 'reconcile.plan': async () => 'in time' })(id, signal);
  release.dispatchEvent(new Event('go'));
  await hanging;
  expect(await read(id)).toMatchObject({ status: 'completed', result: 'in time', attempts: 2 });
});

test('a task that ends each of its workers is given up with a reason', async () => {
  const id = await bench.plan();
  await sql`UPDATE tasks SET attempts = 3, status = 'processing', owner = 'gone' WHERE id = ${id}`.execute(
    bench.database(),
  );
  await silence(id);
  const run = bench.runner({ 'reconcile.plan': async () => expect.unreachable('it must not be tried') });
  await run(id, signal);
  expect(await read(id)).toMatchObject({ status: 'failed', errorCode: 'task_abandoned' });
});

test('a worker that stops gives its task back at once, and that counts as no attempt', async () => {
  const id = await bench.plan();
  const stopping = new AbortController();
  const stopped = bench.runner({
    'reconcile.plan': (_parameters, stop) => delay(60_000, null, { signal: stop }),
  })(id, stopping.signal);
  await expect.poll(async () => (await read(id))?.status).toBe('processing');
  stopping.abort();
  await stopped;
  expect(await read(id)).toMatchObject({ status: 'pending', owner: null, attempts: 0 });
  await bench.runner({ 'reconcile.plan': async () => 'by the next' })(id, signal);
  expect(await read(id)).toMatchObject({ status: 'completed', result: 'by the next' });
});

test('cancelling stops the worker, and the task can be begun anew', async () => {
  const id = await bench.plan();
  const tasks = bench.tasks();
  const waiting = tasks.waitForTask(id, 20_000);
  const work = bench.runner({
    'reconcile.plan': (_parameters, stop) => delay(60_000, null, { signal: stop }),
  })(id, signal);
  await expect.poll(async () => (await read(id))?.status).toBe('processing');
  await tasks.cancelTask(id, asker);
  expect(await waiting).toMatchObject({ status: 'cancelled', errorCode: 'cancelled' });
  await work;
  await expect(tasks.cancelTask(id, asker)).rejects.toMatchObject({ code: 'job_state_conflict' });
  await tasks.retryTask(id, asker);
  await bench.runner({ 'reconcile.plan': async () => 'again' })(id, signal);
  expect(await read(id)).toMatchObject({ status: 'completed', result: 'again', errorCode: null });
});

test('a kind that a process does not know is left to one that does', async () => {
  const id = await bench.plan();
  await bench.runner({ 'reconcile.apply': async () => 'other' })(id, signal);
  await bench.runner({})(id, signal);
  expect(await read(id)).toMatchObject({ status: 'pending', attempts: 0 });
});

test('what is kept under a known kind and does not fit it fails by name', async () => {
  const id = await bench.plan();
  await sql`UPDATE tasks SET parameters = '{"depth":"abyss"}' WHERE id = ${id}`.execute(bench.database());
  await bench.runner({ 'reconcile.plan': async () => expect.unreachable('it must not be run') })(id, signal);
  expect(await read(id)).toMatchObject({ status: 'failed', errorDetail: expect.stringContaining('depth') });
});

test('a task whose ring was lost is rung for again, by one sweeper, and more seldom each time', async () => {
  const id = await bench.plan();
  const look = () =>
    takeForgottenTasks(bench.database(), { staleAfterMs: 5_000, limit: 100, isPatient: true });
  const age = (seconds: number) =>
    sql`UPDATE tasks SET rung_at = now() - ${seconds} * interval '1 second' WHERE id = ${id}`.execute(
      bench.database(),
    );
  const mine = (rings: { taskId: string }[]) => rings.filter(({ taskId }) => taskId === id).length;
  expect(mine(await look())).toBe(0);
  await age(6);
  const both = await Promise.all([look(), look()]);
  expect(mine(both.flat())).toBe(1);
  await sql`UPDATE tasks SET rings = 10 WHERE id = ${id}`.execute(bench.database());
  await age(40);
  expect(mine(await look())).toBe(0);
  await age(51);
  expect(mine(await look())).toBe(1);
});

test('tasks that ended long ago go, and open ones stay', async () => {
  const [old, open] = [await bench.plan(), await bench.plan()];
  await bench.runner({ 'reconcile.plan': async () => null })(old, signal);
  await sql`UPDATE tasks SET created_at = now() - interval '40 days' WHERE id IN (${old}, ${open})`.execute(
    bench.database(),
  );
  await pruneTasks(bench.database(), { olderThanMs: 30 * 86_400_000, limit: 10 });
  expect(await read(old)).toBeUndefined();
  expect(await read(open)).toMatchObject({ status: 'pending' });
});
