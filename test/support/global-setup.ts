import { dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { bundlePrograms } from './bundled-programs.ts';
import { endWithProcess } from './end-with-process.ts';
import { startTestPostgres } from './postgres-server.ts';
import type { SharedPostgres } from './shared-postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    sharedPostgres: SharedPostgres;
  }
}

/** One PostgreSQL and one bundle of the programs for all test files; each file makes databases and drops them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestPostgres({ maxConnections: 300 });
  const { host, port, admin, binDir, major, dataDir } = server;
  endWithProcess({ pidFile: join(dataDir, 'postmaster.pid'), signal: 'QUIT', folder: dirname(dataDir) });
  project.provide('sharedPostgres', { host, port, admin, binDir, major });
  const programs = await bundlePrograms();
  process.env.TEST_PROGRAMS_DIR = programs.folder;
  return async () => {
    await programs.remove();
    await server.stop();
  };
}
