import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { goodPassword } from '../identity/identity-bench.ts';
import { useIdentityApp } from './identity-app.ts';

const api = useIdentityApp();
const users = '/api/tenant/users';
const newMember = (over: object = {}) => ({
  email: `new-${randomUUID()}@example.com`,
  password: 'first horse 1 battery',
  role: 'USER',
  ...over,
});

describe('/api/tenant/users', () => {
  it('is for ADMINs', async () => {
    const { token } = await api.enter('USER');
    const one = `${users}/${randomUUID()}`;
    const answers = [
      await api.send('GET', users, { token }),
      await api.send('POST', users, { token, body: newMember() }),
      await api.send('PATCH', one, { token, body: { role: 'ADMIN' } }),
      await api.send('DELETE', one, { token }),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([403, 403, 403, 403]);
  });

  it('lists the members of this tenant only, page by page', async () => {
    const { tenant, token, person } = await api.enter('ADMIN');
    await api.enter('ADMIN');
    const others = [await api.enter('USER', tenant), await api.enter('USER', tenant)];
    const first = (await api.send('GET', `${users}?limit=2`, { token })).json();
    const cursor = first.page.next_cursor;
    const second = (await api.send('GET', `${users}?limit=2&cursor=${cursor}`, { token })).json();
    expect(second.page.next_cursor).toBeNull();
    const emails = [...first.data, ...second.data].map(({ email }: { email: string }) => email);
    expect(emails).toEqual([person, ...others.map((other) => other.person)].map(({ email }) => email).sort());
    expect(Object.keys(first.data[0])).toEqual(['id', 'email', 'name', 'role', 'created_at']);
  });
});

describe('POST /api/tenant/users', () => {
  it('adds somebody who may then log in', async () => {
    const { tenant, token } = await api.enter('ADMIN');
    const body = newMember({ name: 'Anna' });
    const answer = await api.send('POST', users, { token, body });
    expect(answer.statusCode).toBe(201);
    expect(answer.json().data).toEqual({
      id: expect.any(String),
      email: body.email,
      role: 'USER',
      created_at: expect.stringMatching(/Z$/),
    });
    const login = { email: body.email, password: body.password };
    const { data } = (await api.send('POST', '/api/auth/login', { body: login })).json();
    expect(data).toMatchObject({ tenant_id: tenant.id, user: { role: 'USER' } });
  });

  it('answers alike for a person who has an account, and does not rename them', async () => {
    const { token } = await api.enter('ADMIN');
    const known = await api.makePerson();
    const bodies = [
      newMember({ email: known.email, password: goodPassword, name: 'Other' }),
      newMember({ name: 'Other' }),
    ];
    const answers = await Promise.all(bodies.map((body) => api.send('POST', users, { token, body })));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 201]);
    const [one, two] = answers.map((answer) => Object.keys(answer.json().data));
    expect(one).toEqual(two);
    const { data } = (await api.send('GET', users, { token })).json();
    expect(data.find(({ id }: { id: string }) => id === known.id)).toMatchObject({ name: null });
  });

  it('refuses the sixth on the free plan', async () => {
    const { token } = await api.enter('ADMIN');
    for (let member = 2; member <= 5; member += 1)
      await api.send('POST', users, { token, body: newMember() });
    const answer = await api.send('POST', users, { token, body: newMember() });
    expect(answer.statusCode).toBe(409);
    expect(answer.json()).toMatchObject({
      code: 'seat_limit_reached',
      detail: expect.stringMatching(/"free" has 5 seats/),
    });
    const { seats } = (await api.send('GET', '/api/tenant', { token })).json().data;
    expect(seats).toEqual({ used: 5, limit: 5 });
  });

  it.each([
    ['role', { role: 'SUPER_ADMIN' }],
    ['role', { role: undefined }],
    ['email', { email: 'nonsense' }],
    ['password', { password: undefined }],
    ['password', { password: 'password123' }],
    ['tenant_id', { tenant_id: randomUUID() }],
    ['email_verified', { email_verified: true }],
    ['id', { id: randomUUID() }],
  ])('names %s in what it refuses', async (path, over) => {
    const { token } = await api.enter('ADMIN');
    const answer = await api.send('POST', users, { token, body: newMember(over) });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toMatchObject([{ path }]);
  });
});

describe('PATCH and DELETE /api/tenant/users/:id', () => {
  it('changes a role, whose old tokens end', async () => {
    const { tenant, token } = await api.enter('ADMIN');
    const other = await api.enter('USER', tenant);
    const url = `${users}/${other.person.id.toUpperCase()}`;
    const answer = await api.send('PATCH', url, { token, body: { role: 'ADMIN' } });
    expect(answer.json().data).toMatchObject({ id: other.person.id, role: 'ADMIN' });
    expect((await api.send('GET', '/api/me', { token: other.token })).statusCode).toBe(401);
  });

  it('removes a member, whose tokens end', async () => {
    const { tenant, token } = await api.enter('ADMIN');
    const other = await api.enter('USER', tenant);
    expect((await api.send('DELETE', `${users}/${other.person.id}`, { token })).statusCode).toBe(204);
    expect((await api.send('GET', '/api/me', { token: other.token })).statusCode).toBe(401);
    expect((await api.send('DELETE', `${users}/${other.person.id}`, { token })).statusCode).toBe(404);
  });

  it('keeps the last ADMIN', async () => {
    const { token, person } = await api.enter('ADMIN');
    const url = `${users}/${person.id}`;
    for (const answer of [
      await api.send('DELETE', url, { token }),
      await api.send('PATCH', url, { token, body: { role: 'USER' } }),
    ]) {
      expect(answer.statusCode).toBe(409);
      expect(answer.json()).toMatchObject({ code: 'last_admin' });
    }
  });

  it('finds nobody of another tenant, as if there were nobody', async () => {
    const [mine, theirs] = [await api.enter('ADMIN'), await api.enter('USER')];
    const headers = { 'x-request-id': 'the-same' };
    for (const method of ['PATCH', 'DELETE'] as const) {
      const body = method === 'PATCH' ? { body: { role: 'ADMIN' } } : {};
      const [foreign, unknown] = [
        await api.send(method, `${users}/${theirs.person.id}`, { token: mine.token, headers, ...body }),
        await api.send(method, `${users}/${randomUUID()}`, { token: mine.token, headers, ...body }),
      ];
      expect([foreign.statusCode, unknown.statusCode]).toEqual([404, 404]);
      const { instance: _one, ...foreignBody } = foreign.json();
      const { instance: _two, ...unknownBody } = unknown.json();
      expect(foreignBody).toEqual(unknownBody);
    }
    expect((await api.send('GET', '/api/me', { token: theirs.token })).statusCode).toBe(200);
  });

  it('refuses an id that is none', async () => {
    const { token } = await api.enter('ADMIN');
    for (const id of ['1', "x' OR 1=1", '%00']) {
      expect((await api.send('DELETE', `${users}/${encodeURIComponent(id)}`, { token })).statusCode).toBe(
        400,
      );
    }
  });
});
