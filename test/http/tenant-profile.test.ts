import { describe, expect, it } from 'vitest';
import { useIdentityApp } from './identity-app.ts';

const api = useIdentityApp();

describe('GET /api/tenant', () => {
  it.each(['USER', 'ADMIN'] as const)('shows a member with the role %s the organization', async (role) => {
    const { tenant, token } = await api.enter(role);
    const answer = await api.send('GET', '/api/tenant', { token });
    expect(answer.json()).toEqual({
      success: true,
      data: {
        id: tenant.id,
        tenant_key: tenant.slug,
        slug: tenant.slug,
        name: `Organization ${tenant.slug}`,
        status: 'active',
        plan: 'free',
        region: 'default',
        features: {},
        seats: { used: 1, limit: 5 },
        usage: { users: 1, database_size_bytes: null },
        settings: { data_api: { user_access: 'write' } },
        created_at: expect.stringMatching(/Z$/),
      },
    });
  });

  it('is not for who belongs to no tenant', async () => {
    expect((await api.send('GET', '/api/tenant')).statusCode).toBe(401);
    const token = await api.enterAsSuperAdmin('root@example.com');
    expect((await api.send('GET', '/api/tenant', { token })).statusCode).toBe(403);
  });
});

describe('PATCH /api/tenant', () => {
  it('changes what is named and nothing else', async () => {
    const { token, tenant } = await api.enter('ADMIN');
    const patch = (body: object) => api.send('PATCH', '/api/tenant', { token, body });
    expect((await patch({ name: 'ACME Größe 李' })).json().data).toMatchObject({
      name: 'ACME Größe 李',
      settings: { data_api: { user_access: 'write' } },
    });
    const settings = { data_api: { user_access: 'read' } };
    expect((await patch({ settings })).json().data).toMatchObject({ name: 'ACME Größe 李', settings });
    expect((await patch({ settings: {} })).json().data).toMatchObject({ settings, slug: tenant.slug });
  });

  it('keeps settings that it does not know', async () => {
    const { token, tenant } = await api.enter('ADMIN');
    const other = { theme: 'dark', data_api: { later: 1 } };
    await api
      .database()
      .updateTable('tenantSettings')
      .set({ settings: JSON.stringify(other) })
      .where('tenantId', '=', tenant.id)
      .execute();
    await api.send('PATCH', '/api/tenant', {
      token,
      body: { settings: { data_api: { user_access: 'none' } } },
    });
    const row = api.database().selectFrom('tenantSettings').where('tenantId', '=', tenant.id);
    expect(await row.select('settings').executeTakeFirst()).toEqual({
      settings: { theme: 'dark', data_api: { later: 1, user_access: 'none' } },
    });
  });

  it('is audited with who, before and after', async () => {
    const { token, tenant, person } = await api.enter('ADMIN');
    const headers = { 'x-request-id': 'request-of-this-test' };
    await api.send('PATCH', '/api/tenant', { token, headers, body: { name: 'Renamed' } });
    const audit = api.database().selectFrom('auditLog').where('tenantId', '=', tenant.id).selectAll();
    expect(await audit.execute()).toMatchObject([
      {
        actorKind: 'user',
        actorId: person.id,
        action: 'tenant.profile_changed',
        before: { name: `Organization ${tenant.slug}` },
        after: { name: 'Renamed' },
        requestId: 'request-of-this-test',
      },
    ]);
  });

  it('is for ADMINs', async () => {
    const { token } = await api.enter('USER');
    expect((await api.send('PATCH', '/api/tenant', { token, body: { name: 'Mine' } })).statusCode).toBe(403);
  });

  it.each([
    [{}],
    [{ name: 'x' }],
    [{ name: 'y'.repeat(256) }],
    [{ name: 'a\0b' }],
    [{ name: 'Acme', plan: 'enterprise' }],
    [{ name: 'Acme', status: 'active' }],
    [{ slug: 'other' }],
    [{ id: '0199a0aa-0000-7000-8000-000000000001' }],
    [{ settings: { data_api: { user_access: 'all' } } }],
    [{ settings: { data_api: { user_access: 'read', more: true } } }],
    [{ settings: { theme: 'dark' } }],
    [{ settings: [] }],
    [{ settings: null }],
  ])('refuses %j', async (body) => {
    const { token } = await api.enter('ADMIN');
    const answer = await api.send('PATCH', '/api/tenant', { token, body });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid_request' });
  });
});
