import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acquireInstanceLock, type InstanceLock } from '../../src/embedded/instance-lock.ts';
import { identifyProcess } from '../../src/embedded/process-identity.ts';
import { killProcess, refusal } from './embedded-cases.ts';

const owner = { name: 'the current user' };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenant-manager-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function leaveLock(pid: number, process: string): Promise<void> {
  const text = JSON.stringify({ pid, process, phase: 'held' });
  await writeFile(join(folder, `lock-${pid}-0123456789abcdef`), text);
}

it('gives the folder to exactly one of many that want it at the same moment', async () => {
  for (let round = 1; round <= 20; round++) {
    const wishes = Array.from({ length: 8 }, () => acquireInstanceLock(folder, owner));
    const outcomes = await Promise.allSettled(wishes);
    const locks = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(locks.length, `round ${round}`).toBe(1);
    await locks[0]?.release();
    expect(await readdir(folder)).toEqual([]);
  }
});

it('is free again after its release', async () => {
  const first: InstanceLock = await acquireInstanceLock(folder, owner);
  expect((await refusal(acquireInstanceLock(folder, owner))).message).toContain(`process ${process.pid}`);
  await first.release();
  await (await acquireInstanceLock(folder, owner)).release();
});

it('is taken over from a process that has ended', async () => {
  const gone = spawn('true');
  const pid = gone.pid ?? 0;
  await once(gone, 'exit');
  await leaveLock(pid, 'an earlier boot/123');
  await (await acquireInstanceLock(folder, owner)).release();
  expect(await readdir(folder)).toEqual([]);
});

it('is taken over when the number of its process belongs to another one now', async () => {
  const other = spawn('sleep', ['60']);
  await once(other, 'spawn');
  await leaveLock(other.pid ?? 0, 'an earlier boot/123');
  await (await acquireInstanceLock(folder, owner)).release();
  await killProcess(other);
});

it('is left to a process that lives', async () => {
  const other = spawn('sleep', ['60']);
  await once(other, 'spawn');
  const pid = other.pid ?? 0;
  await leaveLock(pid, (await identifyProcess(pid)) ?? '');
  expect((await refusal(acquireInstanceLock(folder, owner))).message).toContain(`process ${pid}`);
  await killProcess(other);
});
