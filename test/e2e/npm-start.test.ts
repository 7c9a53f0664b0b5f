import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';

const run = promisify(execFile);

/** The commands that `npm start` printed, as a person would paste them. */
function printedCommands(output: string): string {
  const lines = output.split('\n').filter((line) => /^ {2,}(TOKEN=|curl |npx |-H |-d |\|)/.test(line));
  return lines.map((line) => line.trim()).join('\n');
}

/** The README's commands from the first registration to the operator's view. */
async function readmeCommands(port: number): Promise<string> {
  const blocks = [...(await readFile('README.md', 'utf8')).matchAll(/```bash\n([\s\S]*?)```/g)].map(
    ([, block]) => block,
  );
  return blocks.slice(1).join('\n').replaceAll('localhost:3001', `localhost:${port}`);
}

describe('npm start on a fresh clone', () => {
  let folder: string;
  let child: ReturnType<typeof spawn>;
  let output = '';
  let pasted = '';
  let fromReadme = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tm-clone-'));
    await chmod(folder, 0o755);
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
    await vi.waitFor(() => expect(output).toMatch(/npx tenant-cli list/), {
      timeout: 240_000,
      interval: 200,
    });
    const paste = async (commands: string) => {
      // As on a terminal, /dev/stderr can be opened; the sockets that Node gives a child cannot.
      const script = `set -o pipefail; ( set -e\n${commands}\n) 2>&1 | cat`;
      return (await run('bash', ['-c', script], { cwd: folder, env: { PATH, HOME } })).stdout;
    };
    pasted = await paste(printedCommands(output));
    fromReadme = await paste(await readmeCommands(port));
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

  it('does what the README shows', () => {
    expect(fromReadme).toMatch(/"slug":"example-ltd"/);
    expect(fromReadme.match(/First customer/g)?.length).toBe(2);
    expect(fromReadme).toMatch(/example-ltd\s.*active/);
  });

  it('says how long it took', () => {
    console.log(/tenant-manager is ready.*/.exec(output)?.[0]);
    expect(output).toMatch(/tenant-manager is ready \(\d+\.\d s\)/);
  });
});
