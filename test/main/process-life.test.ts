import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';

failOnLeaks();

/** Runs a process whose start is the given code; its parts say so when they are stopped. */
function run(code: string) {
  const script = `
    import { setTimeout as delay } from 'node:timers/promises';
    import { pino } from 'pino';
    import { startOrExplain } from './src/main/process-life.ts';
    const say = (text) => process.stdout.write(text + '\\n');
    const log = pino({ level: 'info' });
    startOrExplain(log, async (shutdown) => {
      shutdown.onStopAtLast('ground', 1_000, async () => say('the ground was stopped'));
      setInterval(() => undefined, 1_000);
      ${code}
    });`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return { child, exited, output: () => output };
}

describe('a defect', () => {
  it.each([
    ['thrown where nobody can catch it', `setTimeout(() => { throw new Error('a defect'); }, 1);`],
    ['rejected where nobody waits', `setTimeout(() => { void Promise.reject(new Error('a defect')); }, 1);`],
  ])('%s is logged, stops what was started and ends with 1', async (_, code) => {
    const { exited, output } = run(code);
    expect(await exited).toBe(1);
    expect(output()).toMatch(/"level":60.*a defect/);
    expect(output()).toContain('the ground was stopped');
  });
});

it('a start that fails is explained, and what it had started is stopped', async () => {
  const { exited, output } = run(`throw new Error('it cannot start');`);
  expect(await exited).toBe(1);
  expect(output()).toMatch(/it cannot start[\s\S]*the ground was stopped/);
});

describe('a signal', () => {
  it('during the start waits for it, stops what it starts, and ends with 0 without an explanation', async () => {
    const { child, exited, output } = run(`
      say('half started');
      await new Promise((resolve) => process.once('SIGTERM', resolve));
      await delay(50);
      shutdown.onStop('part', 1_000, async () => say('the part was stopped'));
      say('the start went on');`);
    await expect.poll(output).toContain('half started');
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    expect(output()).toMatch(/the part was stopped[\s\S]*the ground was stopped/);
    expect(output()).not.toMatch(/the start went on|Stopping has begun/);
  });

  it('that arrives twice for one key press is one', async () => {
    const { child, exited, output } = run(`
      shutdown.onStop('part', 2_000, () => delay(300).then(() => say('the part was stopped')));
      say('started');`);
    await expect.poll(output).toContain('started');
    child.kill('SIGINT');
    await expect.poll(output).toContain('Stopping');
    child.kill('SIGINT');
    expect(await exited).toBe(0);
    expect(output()).toMatch(/the part was stopped[\s\S]*the ground was stopped/);
  });

  it('that is repeated later ends the process at once', async () => {
    const { child, exited, output } = run(`
      shutdown.onStop('part', 60_000, () => delay(60_000));
      process.once('SIGINT', () => setTimeout(() => say('patience is over'), 1_200));
      say('started');`);
    await expect.poll(output).toContain('started');
    child.kill('SIGINT');
    await expect.poll(output).toContain('patience is over');
    child.kill('SIGINT');
    expect(await exited).toBe(1);
    expect(output()).not.toContain('the ground was stopped');
  });
});
