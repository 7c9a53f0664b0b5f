import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { adminServersRoutes } from '../../src/http/routes/admin-servers.ts';
import { createServerAdministration } from '../../src/provisioning/server-administration.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { type Bench, createProvisioningBench, runOn } from '../support/provisioning-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

const allowed = ['127.0.0.0/8', '::1'];
/** Nobody else has it, so that it can be looked for everywhere. */
export const canary = 'c4nary-of-the-servers-login';
export const servers = '/api/admin/servers';

/** A worker and the API, and a second server of PostgreSQL that they do not know. */
export function useServersBench() {
  let bench: Bench;
  let second: TestPostgres;
  let app: App;
  let logged: Record<string, unknown>[];
  const answers: string[] = [];

  beforeAll(async () => {
    second = await startTestPostgres();
    await runOn(second, 'postgres', `CREATE ROLE platform SUPERUSER LOGIN PASSWORD '${canary}'`);
    bench = await createProvisioningBench({
      environment: { ALLOWED_DATABASE_CIDRS: allowed.join(','), WARM_POOL_SIZE: '1' },
    });
    await bench.assembly.firstLook;
    const { registry, messages } = bench.platform;
    ({ app, logged } = await createTestApp([
      adminServersRoutes({
        registry,
        servers: createServerAdministration({ registry, allowedNetworks: allowed }),
        tasks: createTasks({ registry, messages, afterCommit: bench.assembly.kick }),
        defaultRegion: 'default',
      }),
    ]));
  });
  afterAll(async () => {
    await app.close();
    await bench.stop();
    await second.stop();
  });

  async function call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) {
    const headers = { 'x-admin-key': adminKey, prefer: 'wait=25' };
    const answer = await inject(app, { method, url, headers, ...(payload && { payload }) });
    answers.push(answer.body);
    return answer;
  }

  const login = () => ({
    host: '127.0.0.1',
    port: second.port,
    admin_user: 'platform',
    admin_password: canary,
  });
  const idsOf = (table: 'databaseServers' | 'tasks') =>
    bench.platform.registry.selectFrom(table).select('id').orderBy('id').execute();

  return {
    bench: () => bench,
    second: () => second,
    call,
    data: async (url: string) => (await call('GET', url)).json().data,
    add: (name: string, more: object = {}) => call('POST', servers, { name, ...login(), ...more }),
    registryRows: async () => ({ servers: await idsOf('databaseServers'), tasks: await idsOf('tasks') }),
    drain: (name: string) => call('PATCH', `${servers}/${name}`, { status: 'draining' }),
    /** Its warm databases may be on their way out. */
    remove: (name: string) =>
      vi.waitFor(async () => expect((await call('DELETE', `${servers}/${name}`)).statusCode).toBe(200), {
        timeout: 30_000,
      }),
    /** What is on the second server, templates of the platform included. */
    async databases(): Promise<string[]> {
      const asked = "SELECT datname FROM pg_database WHERE NOT datistemplate OR datname LIKE 'tm\\_%'";
      return (await runOn(second, 'postgres', asked)).rows.map(({ datname }) => datname).sort();
    },
    /** Rows in which something of a server may be. */
    async kept(): Promise<Record<string, string>> {
      const tables = ['tasks', 'auditLog', 'outbox', 'databaseServers'] as const;
      const dump = (table: (typeof tables)[number]) =>
        bench.platform.registry.selectFrom(table).selectAll().execute();
      return Object.fromEntries(
        await Promise.all(tables.map(async (table) => [table, JSON.stringify(await dump(table))])),
      );
    },
    /** Everything that was said aloud. */
    said: () => ({
      answers: answers.join('\n'),
      api: JSON.stringify(logged),
      worker: bench.lines.join('\n'),
    }),
  };
}
