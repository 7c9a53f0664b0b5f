import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestCounts } from '../support/count-reporter.ts';
import { endWithProcess } from '../support/end-with-process.ts';
import { runProgram } from './run-program.ts';

/** What every major must pass: provisioning, fidelity, isolation. Files only, so that none is lost by a new name. */
const CORE = [
  'test/databases/lifecycle.test.ts',
  'test/databases/verify-database.test.ts',
  'test/provisioning/provision-tenant.test.ts',
  'test/databases/fidelity/every-kind.test.ts',
  'test/databases/fidelity/sample-crm.test.ts',
  'test/databases/fingerprint.test.ts',
  'test/databases/managed-server.test.ts',
  'test/databases/newer-majors.test.ts',
  'test/databases/template-build.test.ts',
  'test/databases/template-locale.test.ts',
  'test/databases/template-sources.test.ts',
  'test/hostile/isolation.test.ts',
  'test/hostile/hostile-tenant.test.ts',
];

export type CoreOutcome = {
  counts: TestCounts;
  /** What tests said about what they cannot do here. */
  skips: string[];
  /** Everything that was printed, to be shown when something failed. */
  output: string;
  exitCode: number | null;
};

/**
 * Runs the core of the suite on servers made with the programs in `binDir`, file after file: two such runs beside
 * each other end sooner than one after the other with two files at a time.
 */
export async function runCore(binDir: string, signal: AbortSignal): Promise<CoreOutcome> {
  const missing = CORE.filter((file) => !existsSync(file));
  if (missing.length > 0) throw new Error(`The core of the suite has lost files: ${missing.join(', ')}`);
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-majors-'));
  const countsFile = join(folder, 'counts.json');
  try {
    const { code, output } = await runProgram({
      file: process.execPath,
      args: [
        join('node_modules', 'vitest', 'vitest.mjs'),
        'run',
        '--project',
        'tests',
        '--maxWorkers=1',
        ...CORE,
      ],
      env: { ...ownEnvironment(), TEST_POSTGRES_BIN_DIR: binDir, TEST_COUNTS_FILE: countsFile },
      signal,
      onStart: (pid) => {
        const pidFile = join(folder, 'vitest.pid');
        writeFileSync(pidFile, String(pid));
        endWithProcess({ pidFile, signal: 'QUIT', folder });
      },
    });
    const counts = JSON.parse(await readFile(countsFile, 'utf8').catch(() => 'null')) as TestCounts | null;
    if (counts === null) throw new Error(`The core of the suite did not come to an end:\n${output}`);
    return { counts, skips: skipsIn(output), output, exitCode: code };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Without what this run of vitest tells its own children. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
}

function skipsIn(output: string): string[] {
  return [...new Set(output.match(/^.* (?:is|are) skipped: .*$/gm) ?? [])];
}
