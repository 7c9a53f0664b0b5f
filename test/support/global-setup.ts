import { dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { endWithProcess } from './end-with-process.ts';
import { startTestPostgres } from './postgres-server.ts';
import type { SharedPostgres } from './shared-postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    sharedPostgres: SharedPostgres;
  }
}

/** One PostgreSQL for all test files of a run; each file makes the databases it needs and drops them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestPostgres({ maxConnections: 300 });
  const { host, port, admin, binDir, major, dataDir } = server;
  endWithProcess({ pidFile: join(dataDir, 'postmaster.pid'), signal: 'QUIT', folder: dirname(dataDir) });
  project.provide('sharedPostgres', { host, port, admin, binDir, major });
  return server.stop;
}
