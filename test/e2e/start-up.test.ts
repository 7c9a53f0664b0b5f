import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { createApiClient } from '../support/api-client.ts';
import { type Program, type RunningProgram, startProgram } from '../support/programs.ts';
import { environmentOf, runOn } from '../support/provisioning-bench.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';

describe('a process that cannot work yet', () => {
  const programs: RunningProgram[] = [];
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.kill('SIGTERM');
  });

  async function start(program: Program, more: Record<string, string> = {}) {
    const registry = `registry_${randomUUID().slice(0, 8)}`;
    const [port, metricsPort] = [await findFreePort(), await findFreePort()];
    const environment = {
      ...environmentOf(sharedPostgres(), registry),
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      MIGRATE_ON_START: 'false',
      ...more,
    };
    const running = startProgram(program, environment);
    programs.push(running);
    const api = createApiClient(`http://127.0.0.1:${port}`);
    return {
      running,
      environment,
      registry,
      api,
      probes: createApiClient(`http://127.0.0.1:${metricsPort}`),
    };
  }

  const statusOf = async (answer: Promise<{ status: number }>) =>
    (await answer.catch(() => ({ status: 0 }))).status;

  it('stays up while its registry is missing and then unmigrated, says what to run, and serves once it is there', async () => {
    const { running, registry, api, probes, environment } = await start('api');
    await running.saw(/does not exist\. Create it/);
    await runOn(sharedPostgres(), 'postgres', `CREATE DATABASE ${registry}`);
    await running.saw(/Run: npm run migrate:global/);
    expect(await api.get('/health/ready')).toMatchObject({
      status: 503,
      body: { code: 'registry_not_migrated', detail: expect.stringMatching(/npm run migrate:global/) },
    });
    expect((await api.get('/health/live')).status).toBe(200);
    expect((await probes.get('/health/live')).status).toBe(200);
    expect((await probes.get('/health/ready')).status).toBe(503);
    expect(await api.register('Too Early', 'early@example.com')).toMatchObject({
      status: 503,
      headers: expect.anything(),
    });
    const worker = startProgram('worker', {
      ...environment,
      MIGRATE_ON_START: 'true',
      METRICS_PORT: String(await findFreePort()),
    });
    programs.push(worker);
    await expect.poll(() => statusOf(api.get('/health/ready'))).toBe(200);
    expect((await probes.get('/health/ready')).status).toBe(200);
  });

  it('ends with every problem of its environment when that is wrong', async () => {
    const { running } = await start('api', { JWT_SECRET: '', PORT: 'http', LOG_LEVEL: 'loud' });
    expect(await running.exited).toBe(1);
    expect(running.output()).toMatch(
      /The configuration has 3 problems:[\s\S]*PORT is "http"[\s\S]*JWT_SECRET is missing/,
    );
  });

  it('ends with the name of the variable when its port is taken', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const { running } = await start('all', { PORT: String(port), HOST: '0.0.0.0' });
    expect(await running.exited).toBe(1);
    expect(running.output()).toMatch(
      new RegExp(`Port ${port} is in use by another program\\. Stop it, or set PORT`),
    );
    server.close();
  });

  it('refuses a registry that was set up with another MASTER_ENCRYPTION_KEY', async () => {
    const { running, registry, environment, probes } = await start('api', { MIGRATE_ON_START: 'true' });
    await runOn(sharedPostgres(), 'postgres', `CREATE DATABASE ${registry}`);
    await expect.poll(() => statusOf(probes.get('/health/ready'))).toBe(200);
    await running.saw(/Ready/);
    const other = startProgram('api', {
      ...environment,
      MASTER_ENCRYPTION_KEY: 'b'.repeat(64),
      PORT: String(await findFreePort()),
      METRICS_PORT: String(await findFreePort()),
    });
    programs.push(other);
    expect(await other.exited).toBe(1);
    expect(other.output()).toMatch(/MASTER_ENCRYPTION_KEY is not the key that this registry was set up with/);
  });
});
