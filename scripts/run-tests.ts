import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { closingLine, type TestCounts } from '../test/support/count-reporter.ts';
import { ensureTestTools } from './test-tools.ts';

/** Repeats as often as the requirements say: hours instead of minutes. */
const fullFlag = '--full';

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
  const file = join('dist', `.test-counts-${process.pid}.json`);
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const code = await run(process.execPath, [vitest, 'run', ...args.filter((arg) => arg !== fullFlag)], {
    TEST_COUNTS_FILE: file,
    ...(args.includes(fullFlag) ? { TEST_SCALE: 'full' } : {}),
  });
  const counts = readCounts(file);
  rmSync(file, { force: true });
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** No file means that vitest ended before it could report. */
function readCounts(file: string): TestCounts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TestCounts;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** The exit code; 1 after a signal. */
function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    const end = () => {
      child.kill('SIGTERM');
      process.exit(1);
    };
    process.once('SIGTERM', end);
    child.on('error', (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => {
      process.off('SIGTERM', end);
      resolve(code ?? 1);
    });
  });
}

const counts = await runTests(process.argv.slice(2));
console.log(closingLine(counts));
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
