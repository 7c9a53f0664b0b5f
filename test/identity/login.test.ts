import { argon2id, hash } from 'argon2';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Identity } from '../../src/identity/identity.ts';
import { createLogin } from '../../src/identity/login.ts';
import { createPasswords } from '../../src/identity/passwords.ts';
import { findUserById } from '../../src/registry/repositories/users.ts';
import type { TenantStatus } from '../../src/registry/tables.generated.ts';
import { goodPassword, useIdentityBench } from './identity-bench.ts';

const bench = useIdentityBench();
let identity: Identity;

beforeAll(() => {
  identity = bench.identity();
});

const wrong = 'another horse 8 battery';

describe('login', () => {
  it('leads into the only tenant of a person, however the address is written', async () => {
    const { tenant, person } = await bench.makeMember('USER');
    const email = ` ${person.email.toUpperCase()} `;
    expect(await identity.login({ email, password: goodPassword })).toMatchObject({
      tenantId: tenant.id,
      tenantKey: tenant.slug,
      role: 'USER',
      user: { id: person.id, email: person.email, emailVerified: false },
    });
    expect((await findUserById(bench.database(), person.id))?.lastLoginAt).toBeInstanceOf(Date);
  });

  it('gives each login a session of its own', async () => {
    const { person } = await bench.makeMember();
    const logins = await Promise.all(
      Array.from({ length: 8 }, () => identity.login({ email: person.email, password: goodPassword })),
    );
    expect(new Set(logins.map(({ sessionId }) => sessionId)).size).toBe(8);
  });

  it('answers an unknown address and a wrong password alike', async () => {
    const { tenant, person } = await bench.makeMember();
    const attempts = [
      { email: person.email, password: wrong },
      { email: 'nobody@example.com', password: wrong },
      { email: person.email, password: wrong, tenantKey: tenant.slug },
      { email: person.email, password: wrong, tenantKey: 'no-such-tenant' },
      { email: 'nobody@example.com', password: wrong, tenantKey: tenant.slug },
    ];
    const refusals = await Promise.all(
      attempts.map((attempt) => identity.login(attempt).catch((error: unknown) => error)),
    );
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: 'invalid_credentials', status: 401, extensions: {} });
      expect(String(refusal)).toBe(String(refusals[0]));
    }
  });

  it('hashes once for an unknown address, as it verifies once for a known one', async () => {
    const passwords = createPasswords({ minLength: 8 });
    const verifyPassword = vi.fn(passwords.verifyPassword);
    const pretendToVerify = vi.fn(passwords.pretendToVerify);
    const { login } = createLogin({
      database: bench.database(),
      passwords: { ...passwords, verifyPassword, pretendToVerify },
      startSession: identity.startSession,
    });
    const { person } = await bench.makeMember();
    const counts = () => [verifyPassword.mock.calls.length, pretendToVerify.mock.calls.length];
    await expect(login({ email: person.email, password: wrong })).rejects.toThrow();
    expect(counts()).toEqual([1, 0]);
    await expect(login({ email: 'nobody@example.com', password: wrong })).rejects.toThrow();
    expect(counts()).toEqual([1, 1]);
  });

  it('works as long for an unknown address as for a known one', async () => {
    const { person } = await bench.makeMember();
    const timeOf = async (email: string) => {
      const start = performance.now();
      await identity.login({ email, password: wrong }).catch(() => undefined);
      return performance.now() - start;
    };
    const times = { known: [] as number[], unknown: [] as number[] };
    for (let round = 0; round < 15; round += 1) {
      times.known.push(await timeOf(person.email));
      times.unknown.push(await timeOf(`nobody-${round}@example.com`));
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[7] ?? 0;
    // Without the hash the ratio is above ten on any machine.
    const ratio = median(times.known) / median(times.unknown);
    expect(ratio).toBeGreaterThan(1 / 3);
    expect(ratio).toBeLessThan(3);
  });

  it('renews a hash with weaker parameters', async () => {
    const { person } = await bench.makeMember();
    const weak = { type: argon2id, memoryCost: 8_192, timeCost: 1, parallelism: 1 } as const;
    await setHash(person.id, await hash(goodPassword, weak));
    const attempt = { email: person.email, password: goodPassword };
    await Promise.all([identity.login(attempt), identity.login(attempt), identity.login(attempt)]);
    expect((await findUserById(bench.database(), person.id))?.passwordHash).toContain('m=19456,t=2,p=1');
    await expect(identity.login(attempt)).resolves.toBeDefined();
  });

  async function setHash(id: string, passwordHash: string): Promise<void> {
    await bench.database().updateTable('globalUsers').set({ passwordHash }).where('id', '=', id).execute();
  }
});

describe('a person of several tenants', () => {
  it('is asked which one, but only with the right password', async () => {
    const { tenant: first, person } = await bench.makeMember();
    const second = await bench.makeTenant();
    await bench.join(second, person, 'USER');
    await expect(identity.login({ email: person.email, password: wrong })).rejects.toMatchObject({
      code: 'invalid_credentials',
    });
    await expect(identity.login({ email: person.email, password: goodPassword })).rejects.toMatchObject({
      code: 'tenant_choice_required',
      status: 409,
      extensions: {
        tenants: [
          { tenant_key: first.slug, name: `Organization ${first.slug}` },
          { tenant_key: second.slug, name: `Organization ${second.slug}` },
        ],
      },
    });
    const chosen = { email: person.email, password: goodPassword, tenantKey: second.slug };
    expect(await identity.login(chosen)).toMatchObject({ tenantId: second.id, role: 'USER' });
  });

  it.each<TenantStatus>(['failed', 'provisioning', 'deleting', 'deleted'])(
    'is not asked about one that is %s',
    async (status) => {
      const { tenant, person } = await bench.makeMember();
      await bench.join(await bench.makeTenant({ status }), person, 'ADMIN');
      const loggedIn = await identity.login({ email: person.email, password: goodPassword });
      expect(loggedIn.tenantId).toBe(tenant.id);
    },
  );
});

describe('login into a tenant', () => {
  it.each<[TenantStatus, string]>([
    ['requested', 'tenant_provisioning'],
    ['provisioning', 'tenant_provisioning'],
    ['suspended', 'tenant_suspended'],
    ['maintenance', 'tenant_maintenance'],
    ['failed', 'tenant_failed'],
    ['deleting', 'tenant_deleted'],
    ['purging', 'tenant_deleted'],
  ])('that is %s answers %s, and starts no session', async (status, code) => {
    const { tenant, person } = await bench.makeMember('ADMIN', { status });
    const attempt = { email: person.email, password: goodPassword };
    await expect(identity.login(attempt)).rejects.toMatchObject({ code });
    await expect(identity.login({ ...attempt, tenantKey: tenant.slug })).rejects.toMatchObject({ code });
    const sessions = bench.database().selectFrom('sessions').where('userId', '=', person.id);
    expect(await sessions.select('id').execute()).toEqual([]);
  });

  it('works while it is read-only', async () => {
    const { tenant, person } = await bench.makeMember('ADMIN', { status: 'read_only' });
    const loggedIn = await identity.login({ email: person.email, password: goodPassword });
    expect(loggedIn.tenantId).toBe(tenant.id);
  });

  it('of others is the same as into none', async () => {
    const { person } = await bench.makeMember();
    const foreign = await bench.makeTenant();
    for (const tenantKey of [foreign.slug, 'no-such-tenant']) {
      await expect(
        identity.login({ email: person.email, password: goodPassword, tenantKey }),
      ).rejects.toMatchObject({ code: 'tenant_not_found', status: 404 });
    }
  });

  it('is refused to who belongs to none', async () => {
    const person = await bench.makePerson();
    await expect(identity.login({ email: person.email, password: goodPassword })).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});

describe('a super administrator', () => {
  it('belongs to no tenant', async () => {
    const email = 'Root@Example.com';
    const made = await identity.createSuperAdmin({ email, password: goodPassword, name: 'Root' });
    expect(made.email).toBe('root@example.com');
    const loggedIn = await identity.login({ email, password: goodPassword });
    expect(loggedIn).toMatchObject({ tenantId: null, tenantKey: null, role: 'SUPER_ADMIN' });
    expect(await identity.verifyAccessToken(loggedIn.accessToken)).toMatchObject({ role: 'SUPER_ADMIN' });
    expect(await identity.refresh(loggedIn.refreshToken)).toMatchObject({ sessionId: loggedIn.sessionId });
    const { emailVerifiedAt } = (await findUserById(bench.database(), made.id)) ?? {};
    expect(emailVerifiedAt).toBeInstanceOf(Date);
  });

  it('is who had an account before, if the password is its own', async () => {
    const person = await bench.makePerson();
    await expect(identity.createSuperAdmin({ email: person.email, password: wrong })).rejects.toMatchObject({
      code: 'email_taken',
    });
    const made = await identity.createSuperAdmin({ email: person.email, password: goodPassword });
    expect(made.id).toBe(person.id);
  });

  it.each([
    ['a common password', { email: 'r2@example.com', password: 'password1' }],
    ['the address as password', { email: 'r2@example.com', password: 'R2@example.com' }],
    ['no address', { email: 'r2', password: goodPassword }],
  ])('is not made with %s', async (_what, request) => {
    await expect(identity.createSuperAdmin(request)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('is none any more at once when the platform role is taken away', async () => {
    const email = 'former@example.com';
    const { id } = await identity.createSuperAdmin({ email, password: goodPassword });
    const { accessToken, refreshToken } = await identity.login({ email, password: goodPassword });
    await bench
      .database()
      .updateTable('globalUsers')
      .set({ platformRole: null })
      .where('id', '=', id)
      .execute();
    await expect(identity.verifyAccessToken(accessToken)).rejects.toMatchObject({
      code: 'not_authenticated',
    });
    await expect(identity.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_refresh_token' });
  });
});
