import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { provisioningStatusRoutes } from '../../src/http/routes/provisioning-status.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type ApiOptions, organization, useApiBench } from './api-bench.ts';
import { createTestApp, inject, listen } from './test-app.ts';

failOnLeaks();
const bench = useApiBench();
const apps: App[] = [];

beforeEach(() => bench.onRequest(async () => undefined));
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function start(options: ApiOptions = {}): Promise<App> {
  const app = await bench.startApi({ usualWaitMs: 0, ...options });
  apps.push(app);
  return app;
}

async function register(app: App): Promise<{ provisioning_id: string; tenant_id: string; slug: string }> {
  const url = '/api/auth/register-organization';
  const answer = await inject(app, { method: 'POST', url, payload: organization() });
  return answer.json().data;
}

const statusUrl = (id: string) => `/api/auth/provisioning-status/${id}`;

/** An open stream, and what came through it until now. */
async function openEvents(app: App, id: string, headers: Record<string, string> = {}) {
  const base = await listen(app);
  const request = httpRequest(`${base}${statusUrl(id)}/events`, { headers });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const received = { text: '', ended: false };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    received.text += chunk;
  });
  response.on('close', () => {
    received.ended = true;
  });
  response.on('error', () => undefined);
  return { request, response, received };
}

const statusesIn = (text: string) =>
  [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? '').status as string);

describe('provisioning status', () => {
  it('shows progress, from any process, and nothing else', async () => {
    const [one, two] = [await start(), await start()];
    const { provisioning_id: id, tenant_id, slug } = await register(one);
    const before = await inject(two, statusUrl(id));
    expect([before.statusCode, before.json()]).toEqual([
      200,
      {
        success: true,
        data: { status: 'pending', progress: 0, current_step: null, steps: [], tenant_id, slug },
      },
    ]);
    await bench.complete(tenant_id);
    expect((await inject(two, statusUrl(id))).json().data).toEqual({
      status: 'completed',
      progress: 100,
      current_step: 'create',
      steps: [
        {
          name: 'create',
          status: 'done',
          started_at: expect.stringMatching(/Z$/),
          finished_at: expect.any(String),
        },
      ],
      tenant_id,
      slug,
    });
  });

  it.each([randomUUID(), 'nonsense', '%00', "'--"])('answers 404 for %s', async (id) => {
    const app = await start();
    for (const url of [statusUrl(id), `${statusUrl(id)}/events`]) {
      const answer = await inject(app, url);
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'not_found']);
    }
  });
});

describe('progress as events', () => {
  it('come as they happen and end with the run', async () => {
    const app = await start();
    const { provisioning_id: id, tenant_id: tenantId } = await register(app);
    const { response, received } = await openEvents(app, id);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': expect.any(String),
    });
    await expect.poll(() => statusesIn(received.text)).toEqual(['pending']);
    await bench.complete(tenantId);
    await expect.poll(() => received.ended).toBe(true);
    expect(statusesIn(received.text).at(-1)).toBe('completed');
    expect(received.text).toMatch(/^id: end\nevent: progress\ndata: .*\n\n$/m);
  });

  it('tell a client that comes back after the end to stay away', async () => {
    const app = await start();
    const { provisioning_id: id, tenant_id: tenantId } = await register(app);
    await bench.complete(tenantId);
    const answer = await inject(app, { url: `${statusUrl(id)}/events`, headers: { 'last-event-id': 'end' } });
    expect(answer.statusCode).toBe(204);
  });

  it('have heartbeats in between', async () => {
    const app = await start({ heartbeatMs: 20 });
    const { provisioning_id: id } = await register(app);
    const { request, received } = await openEvents(app, id);
    await expect.poll(() => received.text.match(/^: heartbeat$/gm)?.length ?? 0).toBeGreaterThan(2);
    request.destroy();
  });

  it('end when the process ends', async () => {
    const app = await start();
    const { provisioning_id: id } = await register(app);
    const { received } = await openEvents(app, id);
    await expect.poll(() => statusesIn(received.text)).toEqual(['pending']);
    await app.close();
    await expect.poll(() => received.ended).toBe(true);
  });

  it('are watched no longer when the client has gone away', async () => {
    let watching = 0;
    const routes = provisioningStatusRoutes({
      readRun: async (runId) => ({ ...progressOf(runId) }),
      async *watchRun(runId, signal) {
        watching += 1;
        try {
          yield progressOf(runId);
          await once(signal, 'abort');
        } finally {
          watching -= 1;
        }
      },
    });
    const { app } = await createTestApp([routes]);
    apps.push(app);
    const { request, received } = await openEvents(app, randomUUID());
    await expect.poll(() => statusesIn(received.text)).toEqual(['pending']);
    expect(watching).toBe(1);
    request.destroy();
    await expect.poll(() => watching).toBe(0);
  });

  it('end when watching fails, so that the client connects again', async () => {
    const routes = provisioningStatusRoutes({
      readRun: async (runId) => progressOf(runId),
      async *watchRun(runId) {
        yield progressOf(runId);
        throw new Error('the registry is gone');
      },
    });
    const { app, logged } = await createTestApp([routes]);
    apps.push(app);
    const { received } = await openEvents(app, randomUUID());
    await expect.poll(() => received.ended).toBe(true);
    expect(statusesIn(received.text)).toEqual(['pending']);
    expect(logged.filter(({ level }) => level === 50)).toHaveLength(1);
  });
});

const progressOf = (runId: string) => ({
  runId,
  tenantId: randomUUID(),
  slug: 'acme',
  status: 'pending' as const,
  progress: 0,
  currentStep: null,
  steps: [],
});
