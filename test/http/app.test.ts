import type { InjectOptions } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { errors } from '../../src/errors/catalogue.ts';
import type { App, AppNeeds } from '../../src/http/app.ts';
import { createTestApp, inject, listen } from './test-app.ts';

let app: App;
let logged: Record<string, unknown>[];

async function start(routes: FastifyPluginAsyncZod, settings: Partial<AppNeeds['settings']> = {}) {
  ({ app, logged } = await createTestApp([routes], { settings }));
}

afterEach(() => app.close());

const body = z.strictObject({ name: z.string(), count: z.number().optional() });

const notes: FastifyPluginAsyncZod = async (api) => {
  const config = { access: 'anyone' } as const;
  api.post('/notes', { config, schema: { body } }, async (request) => ({ ...request.body, success: true }));
  api.get('/notes/:id', { config }, async (request) => ({ path: request.url }));
  api.get('/throws/:what', { config }, async (request) => {
    throw thrown[(request.params as { what: string }).what];
  });
};

const thrown: Record<string, unknown> = {
  bug: new Error('SELECT secret FROM /etc/passwd'),
  source: errors.sourceMissing('twenty', 'db-1.internal'),
  server: errors.serverUnreachable('db-1.internal', 'ECONNREFUSED 10.0.0.1'),
  tenant: errors.tenantProvisioning(),
  limited: errors.rateLimited(),
  refused: Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' }),
  ending: Object.assign(new Error('terminating connection'), { code: '57P01', severity: 'FATAL' }),
  conflict: errors.slugTaken('acme').with({ suggestion: 'acme-2' }),
  text: 'a thrown string',
};

describe('errors', () => {
  const cases: [string, InjectOptions, number, string][] = [
    ['unknown path', { url: '/nothing' }, 404, 'route_not_found'],
    ['wrong method', { method: 'DELETE' as const, url: '/notes/1' }, 405, 'method_not_allowed'],
    ['TRACE', { method: 'TRACE' as 'GET', url: '/notes/1' }, 405, 'method_not_allowed'],
    ['broken escape', { url: '/notes/%zz' }, 404, 'route_not_found'],
    ['no JSON', post('{"name":'), 400, 'malformed_body'],
    ['no body', { method: 'POST', url: '/notes' }, 400, 'invalid_request'],
    ['empty body', post(''), 400, 'invalid_request'],
    ['form', post('name=a', 'application/x-www-form-urlencoded'), 415, 'unsupported_media_type'],
    ['plain text', post('name', 'text/plain'), 415, 'unsupported_media_type'],
    ['large body', post(JSON.stringify({ name: 'x'.repeat(1_048_576) })), 413, 'payload_too_large'],
    ['__proto__', post('{"name":"a","__proto__":{"admin":true}}'), 400, 'malformed_body'],
    ['constructor', post('{"name":"a","constructor":{"prototype":{"x":1}}}'), 400, 'malformed_body'],
    ['unknown field', post('{"name":"a","role":"ADMIN"}'), 400, 'invalid_request'],
    ['number for text', post('{"name":1}'), 400, 'invalid_request'],
    ['array for text', post('{"name":["a"]}'), 400, 'invalid_request'],
    ['text for number', post('{"name":"a","count":"1"}'), 400, 'invalid_request'],
    ['infinite number', post('{"name":"a","count":1e309}'), 400, 'invalid_request'],
    ['a bug', { url: '/throws/bug' }, 500, 'internal_error'],
    ['a thrown string', { url: '/throws/text' }, 500, 'internal_error'],
    ['an installation error', { url: '/throws/source' }, 500, 'internal_error'],
    ['a lost server', { url: '/throws/server' }, 503, 'database_server_unreachable'],
    ['a tenant in the making', { url: '/throws/tenant' }, 503, 'tenant_provisioning'],
    ['too many requests', { url: '/throws/limited' }, 429, 'rate_limited'],
    ['registry refused', { url: '/throws/refused' }, 503, 'registry_unavailable'],
    ['registry ending', { url: '/throws/ending' }, 503, 'registry_unavailable'],
  ];

  it.each(cases)('are problem documents: %s', async (...[, request, status, code]) => {
    await start(notes);
    const answer = await inject(app, request);
    expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json()).toMatchObject({
      type: `https://tm.example/docs/errors#${code}`,
      title: expect.any(String),
      status,
      detail: expect.any(String),
      instance: expect.stringMatching(/^\//),
      success: false,
      request_id: answer.headers['x-request-id'],
    });
    expect(answer.headers['retry-after'] !== undefined).toBe(status === 429 || status === 503);
    expect(answer.body).not.toMatch(/secret|passwd|internal"|db-1|10\.0\.0|twenty|node_modules/);
  });

  it('name each wrong field', async () => {
    await start(notes);
    const answer = await inject(app, post('{"name":1,"role":"ADMIN"}'));
    expect(answer.json().errors).toEqual([
      { path: 'name', message: 'must be a text' },
      { path: 'role', message: 'unknown field' },
    ]);
  });

  it('carry what the error adds, but no member of the standard is replaced', async () => {
    await start(notes);
    const answer = await inject(app, '/throws/conflict');
    expect(answer.json()).toMatchObject({ status: 409, suggestion: 'acme-2', instance: '/throws/conflict' });
  });

  it('name the allowed methods', async () => {
    await start(notes);
    const answer = await inject(app, { method: 'PUT', url: '/notes/1?x=1' });
    expect(answer.headers.allow).toBe('GET, HEAD');
  });

  it('are logged once, with the request id and what the caller does not learn', async () => {
    await start(notes);
    const answer = await inject(app, '/throws/source');
    const lines = logged.filter(({ level }) => Number(level) >= 40);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 50,
      request_id: answer.headers['x-request-id'],
      msg: expect.stringContaining('twenty'),
    });
  });

  it('of a caller are no warnings in the log', async () => {
    await start(notes);
    await inject(app, post('{"name":1}'));
    expect(logged.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });
});

describe('request id', () => {
  it.each([
    ['req-1.A_b', 'req-1.A_b'],
    ['x'.repeat(101), undefined],
    ['a b', undefined],
    ['', undefined],
    ['a\u00e9', undefined],
  ])('takes %s only when it is a sane token', async (given, expected) => {
    await start(notes);
    const answer = await inject(app, { url: '/notes/1', headers: { 'x-request-id': given } });
    const id = answer.headers['x-request-id'];
    if (expected === undefined) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    else expect(id).toBe(expected);
  });

  it('is known to log lines after the body was read', async () => {
    await start(async (api) => {
      api.post('/log', { config: { access: 'anyone' }, schema: { body } }, async (request) => {
        await new Promise(setImmediate);
        request.log.info('within');
        return {};
      });
    });
    const answer = await fetch(`${await listen(app)}/log`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'mine', connection: 'close' },
      body: '{"name":"a"}',
    });
    expect(answer.headers.get('x-request-id')).toBe('mine');
    expect(logged.find(({ msg }) => msg === 'within')).toMatchObject({ request_id: 'mine' });
  });
});

describe('browsers', () => {
  const preflight = (origin: string) => ({
    method: 'OPTIONS' as const,
    url: '/notes',
    headers: { origin, 'access-control-request-method': 'POST' },
  });

  it('of an allowed origin may call, with credentials', async () => {
    await start(notes, { allowedOrigins: ['https://app.example'] });
    const answer = await inject(app, preflight('https://app.example'));
    expect(answer.statusCode).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-credentials': 'true',
    });
  });

  it.each([[['https://app.example']], [[]]])('of another origin may not (%j)', async (allowedOrigins) => {
    await start(notes, { allowedOrigins });
    const answer = await inject(app, preflight('https://evil.example'));
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('of any origin may call without credentials', async () => {
    await start(notes, { allowedOrigins: ['*'] });
    const answer = await inject(app, preflight('https://evil.example'));
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('get headers that forbid everything a page could do, and no name of the server', async () => {
    await start(notes);
    const { headers } = await inject(app, '/notes/1');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers).not.toHaveProperty('x-powered-by');
  });
});

function post(payload: string, type = 'application/json') {
  return { method: 'POST' as const, url: '/notes', payload, headers: { 'content-type': type } };
}
