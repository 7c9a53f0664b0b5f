import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closingLine, type TestCounts } from '../test/support/count-reporter.ts';
import { ensureTestTools } from './test-tools.ts';

/** `npm test` after the installation: tools, build, checks, tests. Its last line is the one that counts. */
async function runTests(vitestArgs: readonly string[]): Promise<TestCounts> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    ensureTestTools();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return { ...counts, failed: 1 };
  }
  if ((await run('npm', ['run', '--silent', 'build'])) !== 0) return { ...counts, failed: 1 };
  // A failed check is a failure of the run, but hides no test results.
  const checksFailed = (await run('npm', ['run', '--silent', 'check'])) !== 0;
  if (checksFailed) console.error('npm run check failed: that counts as one failure.');
  const tested = await runVitest(vitestArgs);
  return { ...tested, failed: tested.failed + (checksFailed ? 1 : 0) };
}

async function runVitest(args: readonly string[]): Promise<TestCounts> {
  const folder = mkdtempSync(join(tmpdir(), 'tenant-manager-counts-'));
  const file = join(folder, 'counts.json');
  try {
    const vitest = join('node_modules', 'vitest', 'vitest.mjs');
    const code = await run(process.execPath, [vitest, 'run', ...args], { TEST_COUNTS_FILE: file });
    const counts = readCounts(file);
    if (code !== 0 && counts.failed === 0) return { ...counts, failed: 1 };
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** No file means that vitest ended before it could report. */
function readCounts(file: string): TestCounts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TestCounts;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** The exit code; 1 after a signal, and for everything that would have followed one. */
function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  if (stopped) return Promise.resolve(1);
  return new Promise((resolve) => {
    child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    child.on('error', (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

let stopped = false;
let child: ChildProcess | undefined;
// Ctrl-C reaches the child by itself, and a second one would keep vitest from stopping its servers.
process.on('SIGINT', () => {
  stopped = true;
});
process.on('SIGTERM', () => {
  stopped = true;
  child?.kill('SIGTERM');
});

const counts = await runTests(process.argv.slice(2));
console.log(closingLine(counts));
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
