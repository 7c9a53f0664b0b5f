import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorDefinitions } from '../../src/errors/catalogue.ts';
import type { App } from '../../src/http/app.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { useApiBench } from './api-bench.ts';
import { createTestApp, inject } from './test-app.ts';

failOnLeaks();
const bench = useApiBench();
let app: App;

beforeAll(async () => {
  app = await bench.startApi();
});
afterAll(() => app.close());

type Operation = {
  security?: object[];
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<string, { content?: Record<string, unknown> }>;
};

async function readDescription() {
  const answer = await inject(app, '/openapi.json');
  expect(answer.statusCode).toBe(200);
  return answer.json() as {
    openapi: string;
    servers: { url: string }[];
    paths: Record<string, Record<string, Operation>>;
  };
}

describe('/openapi.json', () => {
  it('describes every endpoint by the schemas that validate it', async () => {
    const { openapi, servers, paths } = await readDescription();
    expect([openapi, servers]).toEqual(['3.1.0', [{ url: 'https://tm.example' }]]);
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        '/api/auth/register-organization',
        '/api/auth/provisioning-status/{provisioning_id}',
        '/api/admin/tenants/{id}',
        '/api/admin/stats',
      ]),
    );
    const registration = paths['/api/auth/register-organization']?.post;
    const schema = registration?.requestBody?.content['application/json']?.schema;
    expect(schema).toMatchObject({
      type: 'object',
      required: ['organization_name', 'admin_email', 'admin_password'],
      additionalProperties: false,
    });
    expect(Object.keys(registration?.responses ?? {}).sort()).toEqual(['201', '202', 'default']);
  });

  it('says of each who may call it, and how errors look', async () => {
    const { paths } = await readDescription();
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => ({ path, operation })),
    );
    expect(operations.length).toBeGreaterThan(8);
    for (const { path, operation } of operations) {
      const isForOperators = path.startsWith('/api/admin/');
      expect([path, operation.security?.length]).toEqual([path, isForOperators ? 2 : 0]);
      expect(operation.responses.default?.content).toHaveProperty('application/problem+json');
    }
  });

  it('does not describe the pages that describe', async () => {
    const { paths } = await readDescription();
    expect(Object.keys(paths).filter((path) => !path.startsWith('/api/'))).toEqual([]);
  });
});

describe('/docs', () => {
  it('is readable without anything from elsewhere', async () => {
    const page = await inject(app, '/docs');
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    const linked = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(linked.length).toBeGreaterThan(3);
    for (const link of linked) {
      const asset = await inject(app, new URL(link, 'http://localhost/docs').pathname);
      expect([link, asset.statusCode]).toEqual([link, 200]);
    }
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.headers['content-security-policy']).not.toMatch(/https?:|unsafe-eval|upgrade-insecure/);
    const starter = await inject(app, '/docs/static/swagger-initializer.js');
    expect(starter.body).toContain('/openapi.json');
  });

  it('explains every error code where problem documents point to', async () => {
    const page = await inject(app, '/docs/errors');
    expect(page.statusCode).toBe(200);
    for (const { code } of errorDefinitions) expect(page.body).toContain(`id="${code}"`);
    const problem = (await inject(app, '/nothing')).json();
    expect(problem.type).toBe('https://tm.example/docs/errors#route_not_found');
  });
});

describe('a route without a schema', () => {
  it('does not break the description', async () => {
    const bare: FastifyPluginAsyncZod = async (api) => {
      api.get('/bare', { config: { access: 'tenant-admin' } }, async () => 'x');
    };
    const { app: other } = await createTestApp([bare]);
    const { paths } = (await inject(other, '/openapi.json')).json();
    expect(paths['/bare'].get.security).toEqual([{ accessToken: [] }]);
    await other.close();
  });
});
