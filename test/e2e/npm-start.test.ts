import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';

const run = promisify(execFile);

/** The commands that `npm start` printed, as a person would paste them: one block of indented lines each. */
function printedCommands(output: string): string[] {
  const lines = output.split('\n').filter((line) => /^ {2,}(TOKEN=|curl |npx |-H |-d |\|)/.test(line));
  return lines.join('\n').split(/\n(?= {2}(?:TOKEN=|curl |npx ))/);
}

describe('npm start on a fresh clone', () => {
  let folder: string;
  let child: ReturnType<typeof spawn>;
  let output = '';
  let pasted = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tm-clone-'));
    await run('git', ['clone', '-q', '.', folder]);
    const [port, metricsPort] = [await findFreePort(), await findFreePort()];
    const { PATH = '', HOME = '/root' } = process.env;
    child = spawn('npm', ['start'], {
      cwd: folder,
      env: { PATH, HOME, PORT: String(port), METRICS_PORT: String(metricsPort) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    await expect.poll(() => output, { timeout: 240_000, interval: 200 }).toMatch(/npx tenant-cli list/);
    const script = ['set -e', ...printedCommands(output)].join('\n');
    const shell = await run('bash', ['-c', script], { cwd: folder, env: { PATH, HOME } });
    pasted = `${shell.stderr}\n${shell.stdout}`;
  }, 300_000);

  afterAll(async () => {
    const exited = once(child, 'exit');
    process.kill(-(child.pid ?? 0), 'SIGINT');
    await exited;
    await rm(folder, { recursive: true, force: true });
  });

  it('prints calls that work when pasted: a registration', () => {
    expect(pasted).toMatch(/"success":true,"message":"Organization registered successfully"/);
    expect(pasted).toMatch(/"slug":"acme-corp"/);
  });

  it('and data calls that write a row and read it back', () => {
    expect(pasted.match(/First customer/g)?.length).toBe(2);
  });

  it('and the operator’s list', () => {
    expect(pasted).toMatch(/acme-corp\s.*active/);
  });

  it('says how long it took', () => {
    console.log(/tenant-manager is ready.*/.exec(output)?.[0]);
    expect(output).toMatch(/tenant-manager is ready \(\d+\.\d s\)/);
  });
});
