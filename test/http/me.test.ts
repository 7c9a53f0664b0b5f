import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { goodPassword } from '../identity/identity-bench.ts';
import { useIdentityApp } from './identity-app.ts';

const api = useIdentityApp();

describe('GET /api/me', () => {
  it('says who one is, where, and where else one may be', async () => {
    const { tenant, person, token } = await api.enter('USER');
    const second = await api.makeTenant({ status: 'suspended' });
    await api.join(second, person, 'ADMIN');
    const answer = await api.send('GET', '/api/me', { token });
    expect(answer.json()).toEqual({
      success: true,
      data: {
        id: person.id,
        email: person.email,
        name: null,
        email_verified: false,
        role: 'USER',
        tenant_id: tenant.id,
        tenant_key: tenant.slug,
        tenants: [
          expect.objectContaining({ id: tenant.id, tenant_key: tenant.slug, role: 'USER', status: 'active' }),
          expect.objectContaining({ id: second.id, role: 'ADMIN', status: 'suspended' }),
        ],
        created_at: expect.stringMatching(/Z$/),
        last_login_at: expect.stringMatching(/Z$/),
      },
    });
  });

  it('knows a super administrator', async () => {
    const token = await api.enterAsSuperAdmin('root@example.com');
    const answer = await api.send('GET', '/api/me', { token });
    expect(answer.json().data).toMatchObject({ role: 'SUPER_ADMIN', tenant_id: null, tenants: [] });
  });

  it.each([
    ['GET', '/api/me'],
    ['PATCH', '/api/me'],
    ['POST', '/api/me/change-password'],
    ['GET', '/api/me/sessions'],
    ['DELETE', '/api/me/sessions'],
    ['DELETE', `/api/me/sessions/${randomUUID()}`],
  ] as const)('%s %s needs an access token', async (method, url) => {
    const answers = [
      await api.send(method, url),
      await api.send(method, url, { token: 'nonsense' }),
      await api.send(method, `${url}?access_token=x`),
    ];
    for (const answer of answers) {
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(answer.json()).toMatchObject({ code: 'not_authenticated' });
    }
  });
});

describe('PATCH /api/me', () => {
  it('changes the name', async () => {
    const { token } = await api.enter('USER');
    const answer = await api.send('PATCH', '/api/me', { token, body: { name: ' Ärztin 李 ' } });
    expect(answer.json().data.name).toBe('Ärztin 李');
  });

  it.each([
    [{}],
    [{ name: '' }],
    [{ name: 'a\0b' }],
    [{ name: 'x'.repeat(256) }],
    [{ name: 'Anna', role: 'ADMIN' }],
    [{ name: 'Anna', email: 'other@example.com' }],
    [{ name: 'Anna', email_verified: true }],
    [{ name: 'Anna', platform_role: 'SUPER_ADMIN' }],
  ])('refuses %j', async (body) => {
    const { token } = await api.enter('USER');
    expect((await api.send('PATCH', '/api/me', { token, body })).statusCode).toBe(400);
    expect((await api.send('GET', '/api/me', { token })).json().data).toMatchObject({
      name: null,
      role: 'USER',
    });
  });
});

describe('POST /api/me/change-password', () => {
  it('changes it', async () => {
    const { token, person } = await api.enter('USER');
    const body = { current_password: goodPassword, new_password: 'a fresh horse 9 battery' };
    expect((await api.send('POST', '/api/me/change-password', { token, body })).statusCode).toBe(204);
    const login = { email: person.email, password: body.new_password };
    expect((await api.send('POST', '/api/auth/login', { body: login })).statusCode).toBe(200);
  });

  it.each([
    ['current_password', { current_password: 'wrong', new_password: 'a fresh horse 9 battery' }],
    ['new_password', { current_password: goodPassword, new_password: 'qwerty123' }],
    ['new_password', { current_password: goodPassword }],
  ])('names %s when it is wrong', async (path, body) => {
    const { token } = await api.enter('USER');
    const answer = await api.send('POST', '/api/me/change-password', { token, body });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toMatchObject([{ path }]);
  });
});

describe('/api/me/sessions', () => {
  const isOpen = async (token: string) => (await api.send('GET', '/api/me', { token })).statusCode === 200;

  async function loginAgain(email: string): Promise<string> {
    const body = { email, password: goodPassword };
    return (await api.send('POST', '/api/auth/login', { body })).json().data.access_token;
  }

  it('lists a person’s own, newest first, page by page', async () => {
    const { person, token, sessionId } = await api.enter('USER');
    await api.enter('USER');
    for (let more = 0; more < 4; more += 1) await loginAgain(person.email);
    const seen: { id: string; is_current: boolean }[] = [];
    let query = '?limit=2';
    for (let page = 0; page < 3; page += 1) {
      const answer = (await api.send('GET', `/api/me/sessions${query}`, { token })).json();
      seen.push(...answer.data);
      query = `?limit=2&cursor=${answer.page.next_cursor}`;
      expect(answer.page.next_cursor === null).toBe(page === 2);
    }
    expect(seen).toHaveLength(5);
    expect(seen.map(({ id }) => id)).toEqual([...new Set(seen.map(({ id }) => id))].sort().reverse());
    expect(seen.filter((session) => session.is_current).map(({ id }) => id)).toEqual([sessionId]);
  });

  it.each(['nonsense', 'JTAw', '%00', Buffer.from("' OR 1=1").toString('base64url')])(
    'refuses the cursor %s',
    async (cursor) => {
      const { token } = await api.enter('USER');
      const answer = await api.send('GET', `/api/me/sessions?cursor=${cursor}`, { token });
      expect(answer.statusCode).toBe(400);
    },
  );

  it('ends one', async () => {
    const { person, token, sessionId } = await api.enter('USER');
    const other = await loginAgain(person.email);
    expect((await api.send('DELETE', `/api/me/sessions/${sessionId}`, { token: other })).statusCode).toBe(
      204,
    );
    expect([await isOpen(token), await isOpen(other)]).toEqual([false, true]);
    expect((await api.send('DELETE', `/api/me/sessions/${sessionId}`, { token: other })).statusCode).toBe(
      404,
    );
  });

  it('ends all others', async () => {
    const { person, token } = await api.enter('USER');
    const other = await loginAgain(person.email);
    expect((await api.send('DELETE', '/api/me/sessions', { token })).statusCode).toBe(204);
    expect([await isOpen(token), await isOpen(other)]).toEqual([true, false]);
  });

  it('does not end another person’s', async () => {
    const [mine, theirs] = [await api.enter('ADMIN'), await api.enter('USER')];
    const foreign = `/api/me/sessions/${theirs.sessionId}`;
    expect((await api.send('DELETE', foreign, { token: mine.token })).statusCode).toBe(404);
    expect(await isOpen(theirs.token)).toBe(true);
  });
});
