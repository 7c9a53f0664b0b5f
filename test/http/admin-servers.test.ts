import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { checkUntestedServers } from '../../src/reconcile/doctor/check-untested-servers.ts';
import { chooseServer } from '../../src/registry/repositories/database-servers.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { makeSource } from '../support/provisioning-bench.ts';
import { canary, servers, useServersBench } from './servers-bench.ts';

failOnLeaks();

const { bench, second, call, data, add, drain, remove, registryRows, databases, kept, said } =
  useServersBench();
const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;

describe('an operator', () => {
  it('sees the server of the environment with what is on it', async () => {
    await vi.waitFor(async () => expect((await data(`${servers}/default`)).warm).toBe(1), {
      timeout: 20_000,
    });
    const [only, ...more] = await data(servers);
    expect(more).toEqual([]);
    expect(only).toMatchObject({
      name: 'default',
      status: 'open',
      is_from_environment: true,
      tenants: 0,
      template_copies: 1,
      capacity_databases: 1_000,
      trouble: null,
      budget: { total: expect.any(Number), explanation: expect.stringMatching(/\d/) },
    });
    expect(only.budget.total).toBeGreaterThan(0);
    expect(await data(`${servers}/${only.id}`)).toEqual(only);
  });

  it.each([
    ['169.254.169.254', 'never'],
    ['10.1.2.3', 'ALLOWED_DATABASE_CIDRS'],
    ['/var/run/postgresql', 'name or the address'],
    ['127.0.0.1?sslmode=disable', 'name or the address'],
    ['2130706433', 'name or the address'],
    ['no-such-host.invalid', 'no name'],
  ])('cannot add one at %s, and nothing is left of the attempt', async (host, why) => {
    const before = await registryRows();
    const answer = await add('elsewhere', { host });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toMatchObject([{ path: 'host', message: expect.stringContaining(why) }]);
    expect(await registryRows()).toEqual(before);
  });

  it.each([
    ['name', { name: 'Two Words' }],
    ['port', { port: 0 }],
    ['options', { options: '-c log_statement=all' }],
    ['tls', { tls: { mode: 'prefer' } }],
    ['admin_password', { admin_password: '' }],
    ['weight', { weight: -1 }],
  ])('is told that %s is wrong', async (field, wrong) => {
    const before = await registryRows();
    const answer = await add('wrong', wrong);
    expect(answer.statusCode).toBe(400);
    expect(JSON.stringify(answer.json().errors)).toContain(field);
    expect(await registryRows()).toEqual(before);
  });

  it('learns that a login is refused, and the server takes nobody', async () => {
    const added = await add('wrong-login', { admin_password: `${canary}-but-wrong` });
    expect(added.statusCode).toBe(201);
    expect(added.json().data).toMatchObject({ status: 'unchecked', version: null });
    const url = `${servers}/wrong-login`;
    await vi.waitFor(async () => expect((await data(url)).trouble).toMatchObject({ code: 'server_unfit' }), {
      timeout: 20_000,
    });
    expect((await data(url)).trouble.message).toContain('refuses the login');
    expect(await checkUntestedServers({ registry: bench().platform.registry })).toMatchObject([
      { status: 'warning', subject: 'wrong-login', detail: expect.stringContaining('refuses the login') },
    ]);
    const opened = await call('PATCH', url, { status: 'open' });
    expect([opened.statusCode, opened.json().code]).toEqual([409, 'server_state_conflict']);
    expect(await data(url)).toMatchObject({ status: 'unchecked' });
    const removed = await call('DELETE', url);
    expect([removed.statusCode, removed.json().data]).toEqual([
      200,
      { server: 'wrong-login', templates_dropped: 0 },
    ]);
    expect((await call('GET', url)).statusCode).toBe(404);
    expect(await checkUntestedServers({ registry: bench().platform.registry })).toEqual([]);
  });

  it('is told that a server is known already by another address', async () => {
    const { host, port, admin } = bench().server;
    expect(host).toBe('127.0.0.1');
    await add('twin', {
      host: 'localhost',
      port,
      admin_user: admin.user,
      admin_password: admin.password,
    });
    const url = `${servers}/twin`;
    await vi.waitFor(async () => expect((await data(url)).trouble).not.toBeNull(), { timeout: 20_000 });
    expect((await data(url)).trouble.message).toContain('"default"');
    expect((await call('DELETE', url)).statusCode).toBe(200);
  });

  it('adds a server that takes tenants once it has all that they need', async () => {
    // One that nobody can make anywhere is no fault of the new server.
    await bench()
      .platform.registry.insertInto('templates')
      .values({ id: randomUUID(), key: 'nowhere', sourceDatabase: 'no_such_source' })
      .execute();
    const added = await add('eu-2', { weight: 3, capacity_databases: 7 });
    expect(added.statusCode).toBe(201);
    const { id, job_id: job } = added.json().data;
    expect(added.headers.location).toBe(`${servers}/${id}`);
    expect(job).toMatch(/^[0-9a-f-]{36}$/);
    await vi.waitFor(
      async () =>
        expect((await data(`${servers}/eu-2`)).trouble).toMatchObject({ code: 'source_database_missing' }),
      { timeout: 20_000 },
    );
    expect(await data(`${servers}/eu-2`)).toMatchObject({
      status: 'unchecked',
      weight: 3,
      capacity_databases: 7,
    });
    await makeSource(second(), bench().sourceName);
    const checked = await call('POST', `${servers}/eu-2/check`);
    expect([checked.statusCode, checked.json().data]).toEqual([
      200,
      expect.objectContaining({ server: 'eu-2', login: 'platform', not_compared_with: [] }),
    ]);
    expect(await data(`${servers}/eu-2`)).toMatchObject({
      status: 'open',
      trouble: null,
      version: expect.stringMatching(/^\d+\.\d+$/),
      template_copies: 1,
    });
  });

  it('adds a server under two names at once, and one of them finds the other', async () => {
    await drain('eu-2');
    await remove('eu-2');
    const names = ['twin-a', 'twin-b'];
    await Promise.all([add('twin-a'), add('twin-b', { host: 'localhost' })]);
    const states = () => Promise.all(names.map((name) => data(`${servers}/${name}`)));
    await vi.waitFor(
      async () => expect((await states()).map(({ checked_at: at }) => at)).not.toContain(null),
      { timeout: 30_000 },
    );
    const found = await states();
    expect(found.map(({ status }) => status).sort()).toEqual(['open', 'unchecked']);
    const [loser] = found.filter(({ status }) => status === 'unchecked');
    expect(loser.trouble).toMatchObject({
      code: 'server_unfit',
      message: expect.stringContaining('another address'),
    });
    for (const name of names) {
      if (name !== loser.name) await drain(name);
      await remove(name);
    }
    await add('eu-2', { weight: 3, capacity_databases: 7 });
    await vi.waitFor(async () => expect((await data(`${servers}/eu-2`)).status).toBe('open'), {
      timeout: 30_000,
    });
  });

  it('cannot add the same one twice', async () => {
    const before = await registryRows();
    for (const more of [{ name: 'eu-2', port: 1 }, { name: 'eu-3' }]) {
      const answer = await add(more.name, more);
      expect([answer.statusCode, answer.json().code]).toEqual([409, 'server_exists']);
    }
    expect(await registryRows()).toEqual(before);
  });
});

describe('a server that is drained', () => {
  const chosen = () =>
    bench()
      .platform.registry.transaction()
      .execute(async (trx) => (await chooseServer(trx, 'default'))?.name);
  let tenantId: string;

  it('gets no new tenants, loses its warm databases, and keeps who is there', async () => {
    const stays = await bench().request('Stays Here');
    expect(await bench().provisioning.waitForRun(stays.runId, 30_000)).toMatchObject({ status: 'completed' });
    const placeOf = async (id: string) =>
      (
        await bench()
          .platform.registry.selectFrom('tenantRegistry as t')
          .innerJoin('databaseServers as s', 's.id', 't.serverId')
          .select('s.name')
          .where('t.id', '=', id)
          .executeTakeFirst()
      )?.name;
    const first = await placeOf(stays.tenantId);
    expect(first).toBeDefined();
    const other = first === 'default' ? 'eu-2' : 'default';
    const drained = await call('PATCH', `${servers}/${first}`, { status: 'draining' });
    expect([drained.statusCode, drained.json().data.status]).toEqual([200, 'draining']);
    expect(await chosen()).toBe(other);
    await vi.waitFor(
      async () => expect(await data(`${servers}/${first}`)).toMatchObject({ warm: 0, tenants: 1 }),
      {
        timeout: 30_000,
      },
    );
    const next = await bench().request('Goes Elsewhere');
    expect(await bench().provisioning.waitForRun(next.runId, 30_000)).toMatchObject({ status: 'completed' });
    expect(await placeOf(next.tenantId)).toBe(other);
    await call('PATCH', `${servers}/${other}`, { status: 'draining' });
    expect(await chosen()).toBeUndefined();
    await call('PATCH', `${servers}/default`, { status: 'open' });
    expect(await chosen()).toBe('default');
    await call('PATCH', `${servers}/eu-2`, { status: 'draining' });
    tenantId = first === 'eu-2' ? stays.tenantId : next.tenantId;
    expect(await placeOf(tenantId)).toBe('eu-2');
  });

  it('is not taken away while a tenant is there, nor before it is drained, nor when the environment names it', async () => {
    for (const [name, code] of [
      ['eu-2', 'server_in_use'],
      ['default', 'server_from_environment'],
    ]) {
      const answer = await call('DELETE', `${servers}/${name}`);
      expect([answer.statusCode, answer.json().code]).toEqual([409, code]);
    }
    await call('PATCH', `${servers}/eu-2`, { status: 'open' });
    const open = await call('DELETE', `${servers}/eu-2`);
    expect([open.statusCode, open.json().code]).toEqual([409, 'server_state_conflict']);
    await call('PATCH', `${servers}/eu-2`, { status: 'draining' });
    expect(await data(servers)).toHaveLength(2);
  });

  it('is taken away when nothing is on it, and leaves nothing of the platform there', async () => {
    const { runId } = await bench().provisioning.purgeTenant(tenantId, operator);
    expect(await bench().provisioning.waitForRun(runId ?? '', 30_000)).toMatchObject({ status: 'completed' });
    await vi.waitFor(async () => expect((await data(`${servers}/eu-2`)).warm).toBe(0), { timeout: 30_000 });
    const removed = await call('DELETE', `${servers}/eu-2`);
    expect([removed.statusCode, removed.json().data]).toEqual([
      200,
      { server: 'eu-2', templates_dropped: 1 },
    ]);
    expect((await call('GET', `${servers}/eu-2`)).statusCode).toBe(404);
    expect(await databases()).toEqual(['postgres', bench().sourceName].sort());
    const actions = await bench()
      .platform.registry.selectFrom('auditLog')
      .select(['action', 'actorKind'])
      .where('action', 'like', 'server.%')
      .where('action', '<>', 'server.changed')
      .orderBy('id', 'desc')
      .limit(1)
      .execute();
    expect(actions).toEqual([{ action: 'server.removed', actorKind: 'operator' }]);
  });
});

describe('changes', () => {
  it('are recorded with what was before', async () => {
    const answer = await call('PATCH', `${servers}/default`, { weight: 5, capacity_bytes: 1_000_000 });
    expect(answer.json().data).toMatchObject({ weight: 5, capacity_bytes: 1_000_000 });
    const audited = await bench()
      .platform.registry.selectFrom('auditLog')
      .select(['before', 'after'])
      .where('action', '=', 'server.changed')
      .orderBy('id', 'desc')
      .executeTakeFirst();
    expect(audited).toMatchObject({
      before: { name: 'default', weight: 1, capacityBytes: null },
      after: { name: 'default', weight: 5, capacityBytes: 1_000_000 },
    });
  });

  it.each([
    ['nothing', {}],
    ['an unknown status', { status: 'unchecked' }],
    ['another host', { host: '127.0.0.1' }],
    ['no capacity', { capacity_databases: 0 }],
  ])('of %s are refused', async (_, body) => {
    const before = await data(`${servers}/default`);
    expect((await call('PATCH', `${servers}/default`, body)).statusCode).toBe(400);
    expect(await data(`${servers}/default`)).toEqual(before);
  });

  it('of what the environment says are refused', async () => {
    const answer = await call('PATCH', `${servers}/default`, { region: 'eu' });
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'server_from_environment']);
  });
});

describe('the login of an added server', () => {
  it('is in no answer, no log line, no job and no row in clear', async () => {
    const places: Record<string, string> = { ...said(), ...(await kept()) };
    expect(Object.entries(places).flatMap(([name, text]) => (text.includes(canary) ? [name] : []))).toEqual(
      [],
    );
    expect(places.tasks).toContain('servers.check');
    expect(places.auditLog).toContain('platform');
  });
});
