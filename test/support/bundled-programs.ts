import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** What tests start as processes, again and again. */
const programs = [
  'src/main/api.ts',
  'src/main/worker.ts',
  'src/main/all.ts',
  'test/faults/failpoints/faulty-worker.ts',
  'test/queue/worker-process.ts',
];

/** As if each module were still where it was written. */
const ownAddress: Plugin = {
  name: 'own-address',
  setup({ onLoad }) {
    onLoad({ filter: /\/(src|test)\/.*\.ts$/ }, async ({ path }) => {
      const contents = await readFile(path, 'utf8');
      const address = JSON.stringify(pathToFileURL(path).href);
      return { contents: contents.replaceAll('import.meta.url', address), loader: 'ts' };
    });
  },
};

/**
 * One file of our own source for each program, made anew for each run: a process from it starts with less than half
 * of the work that `tsx` has with hundreds of files. Packages stay what they are.
 */
export async function bundlePrograms(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-programs-'));
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  await build({
    entryPoints: programs,
    outbase: '.',
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    plugins: [ownAddress],
    logLevel: 'warning',
  });
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The arguments that have node run a program: of this run's bundle, or where there is none, from its source. */
export function argumentsToRun(path: string): string[] {
  const folder = process.env.TEST_PROGRAMS_DIR;
  if (folder === undefined || !programs.includes(path)) return ['--import', 'tsx', path];
  return [join(folder, path.replace(/\.ts$/, '.mjs'))];
}
