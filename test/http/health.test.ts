import { afterEach, describe, expect, it } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import type { App } from '../../src/http/app.ts';
import { createHealth, type HealthCheck } from '../../src/http/health.ts';
import { startProbeServer } from '../../src/http/probe-server.ts';
import { healthRoutes } from '../../src/http/routes/health.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestApp, inject } from './test-app.ts';

failOnLeaks();
let app: App | undefined;

afterEach(async () => {
  await app?.close();
  app = undefined;
});

const fine: HealthCheck = { isCritical: true, check: async () => undefined };
const broken = (isCritical: boolean): HealthCheck => ({
  isCritical,
  check: async () => {
    throw errors.serverUnreachable('db-1.internal', 'ECONNREFUSED');
  },
});

async function ask(url: string, checks: Record<string, HealthCheck>) {
  ({ app } = await createTestApp([healthRoutes({ health: createHealth({ checks }) })]));
  return inject(app, url);
}

describe('/health', () => {
  it('is healthy with exactly what is promised', async () => {
    const answer = await ask('/health', { registry: fine });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      {
        status: 'healthy',
        service: 'tenant-manager',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
    ]);
  });

  it('is degraded, yet serves, when something is missing that it can work without', async () => {
    const answer = await ask('/health', { registry: fine, redis: broken(false) });
    expect([answer.statusCode, answer.json()]).toMatchObject([
      200,
      { status: 'degraded', checks: { registry: 'ok', redis: 'database_server_unreachable' } },
    ]);
    expect(answer.body).not.toContain('db-1');
  });

  it('is unhealthy when it cannot serve, with Retry-After', async () => {
    const answer = await ask('/health', { registry: broken(true), redis: fine });
    expect([answer.statusCode, answer.json().status]).toEqual([503, 'unhealthy']);
    expect(answer.headers).toHaveProperty('retry-after');
  });

  it('does not wait for ever for a check', async () => {
    const silent = { isCritical: true, check: () => new Promise<void>(() => undefined) };
    const answer = await ask('/health', { registry: silent });
    expect(answer.json().checks).toEqual({ registry: 'deadline_exceeded' });
  });

  it('is unhealthy from the moment that the process stops, whatever was seen before', async () => {
    let isStopping = false;
    const health = createHealth({ checks: { registry: fine }, isStopping: () => isStopping });
    expect((await health.report()).status).toBe('healthy');
    isStopping = true;
    expect(await health.report()).toEqual({ status: 'unhealthy', checks: { process: 'stopping' } });
  });

  it('looks once for all who ask within a second', async () => {
    let looks = 0;
    let now = new Date('2026-01-01T00:00:00Z');
    const check = async () => {
      looks += 1;
    };
    const counting = { isCritical: true, check };
    const health = createHealth({ checks: { counting }, now: () => now });
    await Promise.all([health.report(), health.report(), health.report()]);
    expect(looks).toBe(1);
    now = new Date('2026-01-01T00:00:01Z');
    await health.report();
    expect(looks).toBe(2);
  });
});

describe('/health/live and /health/ready', () => {
  it('are about the process, and about what it needs', async () => {
    const answer = await ask('/health/ready', { registry: broken(true) });
    expect([answer.statusCode, answer.json().status]).toEqual([503, 'not_ready']);
    if (app === undefined) throw new Error('not started');
    expect((await inject(app, '/health/live')).statusCode).toBe(200);
  });

  it('do not mind what the process can work without', async () => {
    const answer = await ask('/health/ready', { registry: fine, redis: broken(false) });
    expect([answer.statusCode, answer.json().status]).toEqual([200, 'ready']);
  });
});

describe('the probe listener', () => {
  it.each([
    ['/health/live', 200],
    ['/health/ready', 503],
    ['/health/ready?x=1', 503],
    ['/metrics', 404],
    ['/', 404],
  ])('answers %s with %i', async (path, status) => {
    const health = createHealth({ checks: { registry: broken(true) } });
    const probes = await startProbeServer({ health, host: '127.0.0.1', port: 0 });
    const answer = await fetch(`http://127.0.0.1:${probes.port}${path}`);
    expect(answer.status).toBe(status);
    await answer.text();
    await probes.stop();
  });

  it('names the variable when its port is taken', async () => {
    const health = createHealth({ checks: {} });
    const first = await startProbeServer({ health, host: '127.0.0.1', port: 0 });
    const second = startProbeServer({ health, host: '127.0.0.1', port: first.port });
    await expect(second).rejects.toThrow(new RegExp(`Port ${first.port} .* METRICS_PORT`));
    await first.stop();
  });
});
