import { describe, expect, it } from 'vitest';
import { goodPassword } from '../identity/identity-bench.ts';
import { useIdentityApp } from './identity-app.ts';

const api = useIdentityApp();
const wrong = 'another horse 8 battery';
const login = (body: object) => api.send('POST', '/api/auth/login', { body });

describe('POST /api/auth/login', () => {
  it('answers as documented', async () => {
    const { tenant, person } = await api.makeMember('ADMIN');
    const answer = await login({ email: person.email, password: goodPassword });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json()).toEqual({
      success: true,
      data: {
        access_token: expect.stringMatching(/^eyJ/),
        refresh_token: expect.stringMatching(/^[\w-]{43}$/),
        expires_in: 3_600,
        tenant_id: tenant.id,
        database_url: `postgresql://a_role@db.example:5432/${tenant.id}`,
        user: { id: person.id, email: person.email, role: 'ADMIN', tenant_id: tenant.id },
      },
    });
  });

  it('remembers the browser', async () => {
    const { person } = await api.makeMember();
    const body = { email: person.email, password: goodPassword };
    const headers = { 'user-agent': 'A browser' };
    const { access_token: token } = (await api.send('POST', '/api/auth/login', { body, headers })).json()
      .data;
    const sessions = (await api.send('GET', '/api/me/sessions', { token })).json().data;
    expect(sessions).toMatchObject([{ user_agent: 'A browser', is_current: true }]);
  });

  it('answers an unknown address and a wrong password by the same bytes', async () => {
    const { person, tenant } = await api.makeMember();
    const bodies = [
      { email: person.email, password: wrong },
      { email: 'nobody@example.com', password: wrong },
      { email: 'nobody@example.com', password: wrong, tenant_key: tenant.slug },
    ];
    const headers = { 'x-request-id': 'the-same' };
    const answers = await Promise.all(
      bodies.map((body) => api.send('POST', '/api/auth/login', { body, headers })),
    );
    const shown = answers.map(({ statusCode, body, headers: { date: _date, ...rest } }) =>
      JSON.stringify([statusCode, body, rest]),
    );
    expect(answers[0]?.json()).toMatchObject({ code: 'invalid_credentials', status: 401 });
    expect(new Set(shown).size).toBe(1);
  });

  it('lists the tenants of a person who must choose', async () => {
    const { tenant, person } = await api.makeMember();
    const second = await api.makeTenant();
    await api.join(second, person, 'USER');
    const answer = await login({ email: person.email, password: goodPassword });
    expect(answer.statusCode).toBe(409);
    expect(answer.json()).toMatchObject({
      code: 'tenant_choice_required',
      tenants: [{ tenant_key: tenant.slug }, { tenant_key: second.slug }],
    });
    const chosen = await login({ email: person.email, password: goodPassword, tenant_key: second.slug });
    expect(chosen.json().data.tenant_id).toBe(second.id);
  });

  it('gives a super administrator neither a tenant nor a database', async () => {
    await api.enterAsSuperAdmin('root@example.com');
    const answer = await login({ email: 'root@example.com', password: goodPassword });
    const none = { tenant_id: null, database_url: null };
    expect(answer.json().data).toMatchObject({ ...none, user: { role: 'SUPER_ADMIN', tenant_id: null } });
  });

  it.each([
    ['nothing', {}],
    ['no password', { email: 'a@example.com' }],
    ['no address', { email: 'nonsense', password: wrong }],
    ['an address with NUL', { email: 'a\0@example.com', password: wrong }],
    ['a number as password', { email: 'a@example.com', password: 12_345_678 }],
    ['an array as address', { email: ['a@example.com'], password: wrong }],
    ['an unknown member', { email: 'a@example.com', password: wrong, role: 'SUPER_ADMIN' }],
    ['a huge password', { email: 'a@example.com', password: 'x'.repeat(500_000) }],
  ])('refuses %s', async (_what, body) => {
    const answer = await login(body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid_request' });
  });
});

describe('POST /api/auth/refresh', () => {
  it('gives new tokens, with which the API is used', async () => {
    const { refreshToken } = await api.enter('USER');
    const answer = await api.send('POST', '/api/auth/refresh', { body: { refresh_token: refreshToken } });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    const { access_token: token, ...rest } = answer.json().data;
    expect(rest).toEqual({ refresh_token: expect.stringMatching(/^[\w-]{43}$/), expires_in: 3_600 });
    expect((await api.send('GET', '/api/me', { token })).statusCode).toBe(200);
  });

  it('refuses what is no refresh token, an access token included', async () => {
    const { token } = await api.enter('USER');
    for (const refresh_token of ['nonsense', token.slice(0, 43), token.slice(0, 500)]) {
      const answer = await api.send('POST', '/api/auth/refresh', { body: { refresh_token } });
      expect(answer.statusCode).toBe(401);
      expect(answer.json()).toMatchObject({ code: 'invalid_refresh_token' });
    }
  });
});

describe('POST /api/auth/logout', () => {
  const isOpen = async (token: string) => (await api.send('GET', '/api/me', { token })).statusCode === 200;

  it('ends the session of the access token, without a body', async () => {
    const { token, refreshToken } = await api.enter('USER');
    expect((await api.send('POST', '/api/auth/logout', { token })).statusCode).toBe(204);
    expect(await isOpen(token)).toBe(false);
    const refreshed = await api.send('POST', '/api/auth/refresh', { body: { refresh_token: refreshToken } });
    expect(refreshed.statusCode).toBe(401);
  });

  it('takes the refresh token when the access token is over', async () => {
    const { token, refreshToken } = await api.enter('USER');
    const body = { refresh_token: refreshToken };
    const answer = await api.send('POST', '/api/auth/logout', { token: 'over', body });
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
    expect(await isOpen(token)).toBe(false);
    expect((await api.send('POST', '/api/auth/logout', { body })).statusCode).toBe(204);
  });

  it('ends all sessions if asked to', async () => {
    const { person, token } = await api.enter('USER');
    const other = (await login({ email: person.email, password: goodPassword })).json().data.access_token;
    await api.send('POST', '/api/auth/logout', { token, body: { all: true } });
    expect([await isOpen(token), await isOpen(other)]).toEqual([false, false]);
  });

  it('needs one of the two tokens', async () => {
    for (const sent of [{}, { token: 'nonsense' }, { body: { all: true } }]) {
      expect((await api.send('POST', '/api/auth/logout', sent)).statusCode).toBe(401);
    }
  });
});
