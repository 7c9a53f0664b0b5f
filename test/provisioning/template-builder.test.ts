import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openServerSession } from '../../src/databases/server-session.ts';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { withTemplateLock } from '../../src/provisioning/template-lock.ts';
import { listTemplates } from '../../src/registry/repositories/templates.ts';
import { type RunningProgram, startProgram } from '../support/programs.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { inconsistencies, listCopies, noSchedule } from './template-facts.ts';

/** A build in the middle of which its worker is stopped or killed by the test. */
describe('a builder that', () => {
  let bench: Bench;
  let folder: string;
  const workers: RunningProgram[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tm-builder-'));
    bench = await createProvisioningBench({ role: 'api', environment: noSchedule });
  });
  afterEach(async () => {
    await endDump();
    await Promise.all(workers.splice(0).map((worker) => worker.kill('SIGTERM')));
    expect(await inconsistencies(bench)).toEqual([]);
    await bench.stop();
    await rm(folder, { recursive: true });
  });

  async function startWorker(more: Record<string, string> = {}): Promise<RunningProgram> {
    const METRICS_PORT = String(await findFreePort());
    const worker = startProgram('worker', { ...bench.environment, METRICS_PORT, TMPDIR: folder, ...more });
    workers.push(worker);
    return worker;
  }

  /** A pg_dump that has written its archive, and says so, and does not end. */
  async function slowDump(): Promise<Record<string, string>> {
    const tools = await mkdtemp(join(folder, 'tools-'));
    await chmod(tools, 0o755);
    const scripts = {
      pg_dump: `[ "$1" = --version ] && exec pg_dump --version; pg_dump "$@"; echo $$ > ${folder}/pid; mv ${folder}/pid ${folder}/dumped; exec sleep 600`,
      pg_restore: 'exec pg_restore "$@"',
    };
    for (const [name, script] of Object.entries(scripts)) {
      await writeFile(join(tools, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    return { PG_DUMP: join(tools, 'pg_dump') };
  }

  /** The process that has dumped, and lives on. */
  const dumper = () => readFile(join(folder, 'dumped'), 'utf8').then(Number, () => undefined);
  const isDumped = async () => (await dumper()) !== undefined;

  /** It has a group of its own, and outlives a worker that was killed. */
  async function endDump(): Promise<void> {
    const pid = await dumper();
    if (pid !== undefined && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  }

  const privateFolders = async () =>
    (await readdir(folder)).filter((name) => name.startsWith('tenant-manager-'));

  it('hangs is ended by those who wait for it, and touches nothing when it wakes', async () => {
    const hanging = await startWorker(await slowDump());
    await expect.poll(isDumped, { timeout: 30_000 }).toBe(true);
    const [{ databaseName } = { databaseName: '' }] = await listCopies(bench);
    process.kill(hanging.pid, 'SIGSTOP');
    await startWorker();
    const { runId } = await bench.request('Waiting');
    expect(await bench.provisioning.waitForRun(runId, 50_000)).toMatchObject({ status: 'completed' });
    process.kill(hanging.pid, 'SIGCONT');
    await hanging.saw(/taken over/);
    const copies = await listCopies(bench);
    expect(copies).toMatchObject([{ status: 'ready', exists: true }]);
    expect(copies[0]?.databaseName).not.toBe(databaseName);
  }, 120_000);

  it('is killed leaves a dump and a password file, which the next build removes', async () => {
    const killed = await startWorker(await slowDump());
    await expect.poll(isDumped, { timeout: 30_000 }).toBe(true);
    await killed.kill('SIGKILL');
    workers.splice(0);
    expect((await privateFolders()).length).toBeGreaterThan(1);
    await startWorker();
    const { runId } = await bench.request('Next');
    expect(await bench.provisioning.waitForRun(runId, 50_000)).toMatchObject({ status: 'completed' });
    expect(await privateFolders()).toEqual([]);
    expect(await listCopies(bench)).toMatchObject([{ status: 'ready', exists: true }]);
  }, 120_000);
});

describe('waiting for the template’s lock', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createProvisioningBench({ environment: noSchedule });
    await bench.assembly.firstLook;
  });
  afterAll(() => bench.stop());

  async function placeOf(signal: AbortSignal) {
    const [template] = await listTemplates(bench.platform.registry);
    if (template === undefined) throw new Error('There is no template.');
    const { host, port, admin } = bench.server;
    const server = { id: 'any', host, port, tls: { mode: 'disable' as const }, admin };
    return { template, server, signal };
  }
  const needs = () => ({
    registry: bench.platform.registry,
    applicationName: 'test',
    log: bench.log,
  });

  it('ends with the signal, and leaves a holder alone that is alive', async () => {
    const stop = new AbortController();
    const place = await placeOf(stop.signal);
    const holder = await openServerSession(place.server, {
      applicationName: 'holder',
      statementTimeoutMs: 60_000,
    });
    expect(await holder.lock(`template:${place.template.id}`, 0)).toBe(true);
    const reason = new Error('the worker stops');
    const waiting = withTemplateLock(needs(), place, async () => 'never');
    setTimeout(() => stop.abort(reason), 1_500);
    await expect(waiting).rejects.toBe(reason);
    expect(await holder.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await holder.close();
  });

  it('ends a holder that was stopped before its first beat', async () => {
    const place = await placeOf(new AbortController().signal);
    const frozen = await openServerSession(place.server, {
      applicationName: 'frozen',
      statementTimeoutMs: 60_000,
    });
    expect(await frozen.lock(`template:${place.template.id}`, 0)).toBe(true);
    expect(await withTemplateLock(needs(), place, async () => 'mine')).toBe('mine');
    await expect(frozen.rows('SELECT 1 AS one')).rejects.toThrow();
    await frozen.close();
  });

  it('goes on when work that heeds no signal is stopped', async () => {
    const stop = new AbortController();
    const place = await placeOf(stop.signal);
    const deaf = withTemplateLock(needs(), place, () => new Promise(() => undefined));
    const reason = new Error('the step took too long');
    setTimeout(() => stop.abort(reason), 500);
    const next = withTemplateLock(
      needs(),
      { ...place, signal: AbortSignal.timeout(50_000) },
      async () => 'next',
    );
    await expect(deaf).rejects.toBe(reason);
    expect(await next).toBe('next');
  });
});
