import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { advisoryKey } from '../../src/databases/server-session.ts';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import type { RunningProgram } from '../support/programs.ts';
import { runOn } from '../support/provisioning-bench.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';
import { expectExactlyOneEach, expectNoCrash, type Registration, register } from './registration-wave.ts';

const registrations = 10;
/** A worker that is silent for 5 s has lost its runs; one whose job's lock has ended after 8 s, its jobs. */
const longerThanLeasesMs = 10_000;
const mostWaves = 10;

let redis: TestRedis;
let deployment: Deployment;

beforeEach(async () => {
  redis = await startTestRedis();
  deployment = await createDeployment({
    api: 1,
    worker: 2,
    environment: { REDIS_URL: redis.url, PROVISIONING_WAIT_MS: '3000', WARM_POOL_SIZE: '0' },
  });
}, 120_000);

afterEach(async () => {
  for (const { program } of deployment.processes.workers) process.kill(program.pid, 'SIGCONT');
  await deployment.stop();
  await redis.stop();
});

describe('a worker that hangs with runs in its hands', { timeout: 240_000 }, () => {
  it('finds them taken over when it wakes up, and changes nothing any more', async () => {
    const [hung] = deployment.processes.workers;
    if (hung === undefined) throw new Error('There is no worker.');
    const { runs, posted } = await freezeWithRuns(hung.program);
    await delay(longerThanLeasesMs);
    await expect.poll(() => activeAmong(runs), { timeout: 60_000 }).toBe(runs.length);
    const before = await rowsOf(runs);
    process.kill(hung.program.pid, 'SIGCONT');

    const later = await register([deployment.apis[0]], { name: 'Later', count: 5 });
    await expectExactlyOneEach(deployment, [...posted, ...later]);
    await hung.program.saw(/has taken this run over|attempt failed; it is tried again|A job failed/);
    expect(await rowsOf(runs)).toEqual(before);
    expectNoCrash(deployment);
    console.log(`the worker hung with ${runs.length} runs`);
  });
});

type Frozen = { runs: string[]; posted: Registration[] };

/** Registers, wave by wave, until the process could be stopped at a moment when it holds the locks of tenants. */
async function freezeWithRuns({ pid }: RunningProgram): Promise<Frozen> {
  const posted: Registration[] = [];
  for (let wave = 0; wave < mostWaves; wave += 1) {
    const post = register([deployment.apis[0]], { name: `Wave ${wave}`, count: registrations });
    const runs = await freezeDuring(post, pid);
    posted.push(...(await post));
    if (runs.length > 0) return { runs, posted };
  }
  throw new Error(`The worker was never seen with a run in ${mostWaves} waves`);
}

/** @returns the tenants whose locks the stopped process holds; none when it goes on. */
async function freezeDuring(wave: Promise<unknown>, pid: number): Promise<string[]> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  wave.then(end, end);
  while (!isOver) {
    if ((await tenantsLockedBy(pid)).length > 0) {
      process.kill(pid, 'SIGSTOP');
      const tenants = await tenantsLockedBy(pid);
      if (tenants.length > 0) return tenants;
      process.kill(pid, 'SIGCONT');
    }
    await delay(10);
  }
  return [];
}

/** By the locks that its sessions hold, since the registry names the owner of a run by a random id. */
async function tenantsLockedBy(pid: number): Promise<string[]> {
  const { rows: locks } = await runOn(
    deployment.server,
    'postgres',
    `SELECT ((classid::bigint << 32) | objid::bigint)::text AS key
       FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND application_name = '${processName(pid)}'`,
  );
  const held = new Set(locks.map(({ key }) => key));
  const { rows } = await runOn(
    deployment.server,
    deployment.registryName,
    `SELECT id FROM tenant_registry WHERE status = 'provisioning'`,
  );
  return rows.map(({ id }) => String(id)).filter((id) => held.has(advisoryKey(`tenant:${id}`)));
}

const processName = (pid: number) => `tenant-manager ${hostname()} ${pid}`.slice(0, 63);

async function activeAmong(tenants: readonly string[]): Promise<number> {
  const rows = await rowsOf(tenants);
  return rows.filter(({ tenant }) => tenant.status === 'active').length;
}

/** All that the registry has about these tenants. */
async function rowsOf(tenants: readonly string[]): Promise<{ tenant: { status: string } }[]> {
  const { rows } = await runOn(
    deployment.server,
    deployment.registryName,
    `SELECT to_jsonb(t) AS tenant,
            (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.id) FROM provisioning_runs r WHERE r.tenant_id = t.id) AS runs,
            (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.run_id, s.position) FROM provisioning_steps s
               JOIN provisioning_runs r ON r.id = s.run_id WHERE r.tenant_id = t.id) AS steps,
            (SELECT jsonb_agg(to_jsonb(a) ORDER BY a.id) FROM audit_log a WHERE a.tenant_id = t.id) AS audit
       FROM tenant_registry t WHERE t.id = ANY('{${tenants.join(',')}}') ORDER BY t.id`,
  );
  return rows;
}
