import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type ApiOptions, organization, useApiBench } from './api-bench.ts';
import { inject } from './test-app.ts';

failOnLeaks();
const bench = useApiBench();
const apps: App[] = [];

beforeEach(() => bench.onRequest(bench.complete));
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function start(options: ApiOptions = {}): Promise<App> {
  const app = await bench.startApi(options);
  apps.push(app);
  return app;
}

const url = '/api/auth/register-organization';

async function register(payload: object, headers: Record<string, string> = {}, app = apps[0]) {
  return inject(app ?? (await start()), { method: 'POST', url, payload, headers });
}

describe('registration', () => {
  it('answers 201 with tokens once the database is there', async () => {
    const email = `admin-${randomUUID()}@acme.com`;
    const answer = await register(organization({ admin_email: email, plan: 'pro', slug: 'first-corp' }));
    expect([answer.statusCode, answer.json()]).toEqual([
      201,
      {
        success: true,
        message: 'Organization registered successfully',
        data: {
          tenant_id: expect.any(String),
          slug: 'first-corp',
          access_token: expect.stringMatching(/^eyJ/),
          refresh_token: expect.any(String),
          expires_in: 86_400,
          provisioning_id: expect.any(String),
          user: { id: expect.any(String), email, role: 'ADMIN', email_verified: false },
        },
      },
    ]);
  });

  it('accepts the shortest one that must succeed', async () => {
    const answer = await register({
      organization_name: 'Test',
      admin_email: 'test@test.com',
      admin_password: 'Test123!',
    });
    expect(answer.statusCode).toBe(201);
  });

  it('keeps the name as it was given, in any script', async () => {
    for (const name of ['株式会社', 'Ångström & Söhne', 'عقار', '🚀🚀', "Robert'); DROP TABLE x;--", '"q"']) {
      const answer = await register(organization({ organization_name: ` ${name} ` }));
      expect([name, answer.statusCode]).toEqual([name, 201]);
      const { tenant_id: id } = answer.json().data;
      const tenant = await bench
        .database()
        .selectFrom('tenantRegistry')
        .select('name')
        .where('id', '=', id)
        .executeTakeFirst();
      expect(tenant?.name).toBe(name);
    }
  });

  it('counts characters, not bytes or halves of them', async () => {
    for (const [name, status] of [
      ['x'.repeat(255), 201],
      ['x'.repeat(256), 400],
      ['🚀'.repeat(255), 201],
      ['🚀'.repeat(256), 400],
      ['x', 400],
      ['🚀', 400],
      ['   ', 400],
    ] as const) {
      const answer = await register(organization({ organization_name: name }));
      expect([[...name].length, answer.statusCode]).toEqual([[...name].length, status]);
    }
  });

  it.each([
    ['NUL in the name', { organization_name: 'a\u0000b' }, 'organization_name'],
    ['a line break in the name', { organization_name: 'a\nb' }, 'organization_name'],
    ['half a surrogate pair', { organization_name: 'ab\ud800' }, 'organization_name'],
    ['no name', { organization_name: undefined }, 'organization_name'],
    ['a number as name', { organization_name: 12 }, 'organization_name'],
    ['no address', { admin_email: 'nobody' }, 'admin_email'],
    ['a long address', { admin_email: `${'a'.repeat(250)}@b.cd` }, 'admin_email'],
    ['a short password', { admin_password: 'aB3!' }, 'admin_password'],
    ['the name as password', { admin_password: 'ACME Corp' }, 'admin_password'],
    ['NUL in the admin’s name', { admin_name: 'a\u0000' }, 'admin_name'],
    ['an unknown plan', { plan: 'gold' }, 'plan'],
    ['a plan that is not self-service', { plan: 'enterprise' }, 'plan'],
    ['a reserved slug', { slug: 'admin' }, 'slug'],
    ['a slug like a UUID', { slug: randomUUID() }, 'slug'],
    ['an unknown template', { template: 'none' }, 'template'],
    ['a status', { status: 'active' }, 'status'],
    ['a role', { role: 'SUPER_ADMIN' }, 'role'],
  ])('refuses %s with 400', async (_name, over, path) => {
    const answer = await register(organization(over));
    expect([answer.statusCode, answer.json().errors?.map((each: { path: string }) => each.path)]).toEqual([
      400,
      [path],
    ]);
  });

  it('refuses a taken slug, and a known address with another password', async () => {
    const second = organization();
    expect((await register({ ...second, slug: 'taken-slug' })).statusCode).toBe(201);
    expect((await register(organization({ slug: 'taken-slug' }))).json().code).toBe('slug_taken');
    expect((await register({ ...second, admin_password: 'Another456!pw' })).json().code).toBe('email_taken');
    expect((await register(second)).statusCode).toBe(201);
  });

  it('says 503 with Retry-After when too many wait', async () => {
    bench.onRequest(async () => undefined);
    const app = await start({ maxPending: 1, usualWaitMs: 0 });
    await register(organization(), {}, app);
    const answer = await register(organization(), {}, app);
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'registrations_full']);
    expect(answer.headers).toHaveProperty('retry-after');
    await bench.database().deleteFrom('provisioningRuns').where('status', '=', 'pending').execute();
  });
});

describe('a registration that takes longer', () => {
  beforeEach(() => bench.onRequest(async () => undefined));

  it('is answered 202 with the place of its progress', async () => {
    const answer = await register(organization(), {}, await start({ usualWaitMs: 50 }));
    const { data, ...rest } = answer.json();
    expect([answer.statusCode, rest]).toEqual([202, { success: true, message: 'Provisioning started' }]);
    expect(data).toEqual({
      provisioning_id: expect.any(String),
      status: 'pending',
      tenant_id: expect.any(String),
      slug: expect.stringMatching(/^acme-corp/),
    });
    expect(answer.headers.location).toBe(`/api/auth/provisioning-status/${data.provisioning_id}`);
    expect(answer.headers).not.toHaveProperty('preference-applied');
  });

  it('is not waited for with Prefer: respond-async', async () => {
    const app = await start({ usualWaitMs: 25_000 });
    const answer = await register(organization(), { prefer: 'respond-async' }, app);
    expect([answer.statusCode, answer.headers['preference-applied']]).toEqual([202, 'respond-async']);
  });

  it('is waited for as long as Prefer: wait says', async () => {
    const app = await start({ usualWaitMs: 25_000 });
    const answer = await register(organization(), { prefer: 'wait=1' }, app);
    expect([answer.statusCode, answer.headers['preference-applied']]).toEqual([202, 'wait=1']);
  });

  it('is answered 201 when it ends while it is waited for', async () => {
    bench.onRequest(bench.complete);
    const answer = await register(organization(), { prefer: 'respond-async, wait=20' });
    expect([answer.statusCode, answer.headers['preference-applied']]).toEqual([201, 'wait=20']);
  });

  it('tells a failure while it waits, without a word about the installation', async () => {
    bench.onRequest(bench.fail);
    const answer = await register(organization());
    expect([answer.statusCode, answer.json().data]).toMatchObject([
      202,
      { status: 'failed', error: { code: 'source_database_missing', message: expect.any(String) } },
    ]);
    expect(answer.body).not.toMatch(/twenty|db-1/);
  });

  it('is answered at once when the process is about to end', async () => {
    const app = await start();
    const pendingBefore = await countPending();
    const waiting = register(organization(), { prefer: 'wait=25' }, app);
    await expect.poll(countPending).toBe(pendingBefore + 1);
    const begun = Date.now();
    await app.close();
    expect((await waiting).statusCode).toBe(202);
    expect(Date.now() - begun).toBeLessThan(20_000);
  });
});

describe('identical registrations', () => {
  it('100 at once with one key make one tenant and get one answer, tokens included', async () => {
    const processes = [await start(), await start()];
    const payload = organization({ organization_name: 'Only Once' });
    const headers = { 'idempotency-key': randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => register(payload, headers, processes[index % 2])),
    );
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(await countTenants('Only Once')).toBe(1);
  });

  it('without a key are several tenants', async () => {
    const payload = organization({ organization_name: 'Twice Over' });
    const answers = [await register(payload), await register(payload)];
    expect(answers.map((answer) => answer.json().data.slug)).toEqual(['twice-over', 'twice-over-2']);
  });
});

async function countTenants(name: string): Promise<number> {
  const rows = await bench
    .database()
    .selectFrom('tenantRegistry')
    .select('id')
    .where('name', '=', name)
    .execute();
  return rows.length;
}

async function countPending(): Promise<number> {
  const rows = await bench
    .database()
    .selectFrom('provisioningRuns')
    .select('id')
    .where('status', '=', 'pending')
    .execute();
  return rows.length;
}
