import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/identity/identity.ts';
import { findMember, listMembers } from '../../src/registry/repositories/members.ts';
import { findUserByEmail, findUserById } from '../../src/registry/repositories/users.ts';
import { goodPassword, type TestTenant, useIdentityBench } from './identity-bench.ts';

const bench = useIdentityBench();
let identity: Identity;

beforeAll(() => {
  identity = bench.identity();
});

const system = { kind: 'system', id: null } as const;
const firstPassword = 'first horse 1 battery';
const newEmail = () => `new-${randomUUID()}@example.com`;

function add(tenant: TestTenant, over: { email?: string; role?: 'ADMIN' | 'USER'; password?: string } = {}) {
  return identity.addMember({
    tenantId: tenant.id,
    email: newEmail(),
    password: firstPassword,
    role: 'USER',
    actor: system,
    ...over,
  });
}

async function countOf(tenant: TestTenant): Promise<number> {
  const members = await listMembers(bench.database(), tenant.id, { afterEmail: undefined, limit: 1_000 });
  return members.length;
}

/** Lets all changes begin before the first can go on: each has to touch the tenant's row, which is held. */
async function atOnce(tenant: TestTenant, changes: (() => Promise<unknown>)[]) {
  return bench
    .database()
    .transaction()
    .execute(async (trx) => {
      await trx.selectFrom('tenantRegistry').select('id').where('id', '=', tenant.id).forUpdate().execute();
      const outcomes = Promise.allSettled(changes.map((change) => change()));
      await bench.untilBlocked(changes.length);
      return { outcomes };
    })
    .then(({ outcomes }) => outcomes);
}

describe('adding a member', () => {
  it('makes an account for who has none', async () => {
    const { tenant } = await bench.makeMember();
    const email = newEmail();
    const member = await add(tenant, { email: ` ${email.toUpperCase()}`, role: 'ADMIN' });
    expect(member).toMatchObject({ email, role: 'ADMIN' });
    const loggedIn = await identity.login({ email, password: firstPassword });
    expect(loggedIn).toMatchObject({ tenantId: tenant.id, role: 'ADMIN' });
  });

  it('joins who has an account, with that account’s password', async () => {
    const [{ tenant }, person] = [await bench.makeMember(), await bench.makePerson()];
    const member = await add(tenant, { email: person.email, password: goodPassword });
    expect(member.userId).toBe(person.id);
    expect(await identity.login({ email: person.email, password: goodPassword })).toMatchObject({
      tenantId: tenant.id,
    });
  });

  it('does not join a stranger who took the address before', async () => {
    const [{ tenant }, stranger] = [await bench.makeMember(), await bench.makePerson()];
    await expect(add(tenant, { email: stranger.email })).rejects.toMatchObject({
      code: 'email_taken',
      status: 409,
    });
    await expect(
      identity.login({ email: stranger.email, password: goodPassword, tenantKey: tenant.slug }),
    ).rejects.toThrow();
    expect(await countOf(tenant)).toBe(1);
  });

  it('answers the same for a known and an unknown address', async () => {
    const [{ tenant }, person] = [await bench.makeMember(), await bench.makePerson()];
    const answers = [await add(tenant, { email: person.email, password: goodPassword }), await add(tenant)];
    const shapes = answers.map((answer) => Object.keys(answer).sort());
    expect(shapes[0]).toEqual(shapes[1]);
    for (const email of [(await bench.makePerson()).email, newEmail()]) {
      await expect(add(tenant, { email, password: 'password' })).rejects.toMatchObject({
        problems: [{ path: 'password', message: expect.stringContaining('guessed first') }],
      });
    }
  });

  it('refuses who is a member already', async () => {
    const { tenant, person } = await bench.makeMember();
    await expect(add(tenant, { email: person.email })).rejects.toMatchObject({ code: 'already_member' });
  });

  it('keeps the count of users and the audit log', async () => {
    const { tenant } = await bench.makeMember();
    const { userId, email } = await add(tenant);
    const usage = bench.database().selectFrom('tenantUsage').where('tenantId', '=', tenant.id);
    expect(await usage.select('users').executeTakeFirst()).toEqual({ users: 2 });
    const audit = bench.database().selectFrom('auditLog').where('tenantId', '=', tenant.id);
    const after = { user_id: userId, email, role: 'USER' };
    expect(await audit.select(['action', 'after']).execute()).toEqual([{ action: 'member.added', after }]);
  });
});

describe('seats', () => {
  it('refuses the sixth member of the free plan, and leaves no account behind', async () => {
    const { tenant } = await bench.makeMember();
    for (let member = 2; member <= 5; member += 1) await add(tenant);
    const email = newEmail();
    await expect(add(tenant, { email })).rejects.toMatchObject({ code: 'seat_limit_reached', status: 409 });
    expect(await findUserByEmail(bench.database(), email)).toBeUndefined();
    expect(await countOf(tenant)).toBe(5);
  });

  it('lets the same call succeed after a change of plan, and after a removal', async () => {
    const { tenant } = await bench.makeMember();
    const added = [await add(tenant), await add(tenant), await add(tenant), await add(tenant)];
    const email = newEmail();
    await expect(add(tenant, { email })).rejects.toMatchObject({ code: 'seat_limit_reached' });
    const key = { tenantId: tenant.id, userId: added[0]?.userId ?? '' };
    await identity.removeMember({ key, actor: system });
    await expect(add(tenant, { email })).resolves.toMatchObject({ email });
    await expect(add(tenant)).rejects.toMatchObject({ code: 'seat_limit_reached' });
    await bench
      .database()
      .updateTable('tenantRegistry')
      .set({ plan: 'pro' })
      .where('id', '=', tenant.id)
      .execute();
    await expect(add(tenant)).resolves.toBeDefined();
  });

  it('gives the last seat to one of many who ask at once', async () => {
    const { tenant } = await bench.makeMember();
    for (let member = 2; member <= 4; member += 1) await add(tenant);
    const outcomes = await atOnce(
      tenant,
      Array.from({ length: 7 }, () => () => add(tenant)),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => reason.code)).toEqual(Array(6).fill('seat_limit_reached'));
    expect(await countOf(tenant)).toBe(5);
  });

  it('makes one account of one address that is added twice at once', async () => {
    const { tenant } = await bench.makeMember();
    const email = newEmail();
    const outcomes = await atOnce(tenant, [() => add(tenant, { email }), () => add(tenant, { email })]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(outcomes.find((outcome) => outcome.status === 'rejected')?.reason).toMatchObject({
      code: 'already_member',
    });
  });

  it('knows no limit on a plan without one', async () => {
    const { tenant } = await bench.makeMember('ADMIN', { plan: 'enterprise' });
    await Promise.all(Array.from({ length: 8 }, () => add(tenant)));
    expect(await countOf(tenant)).toBe(9);
  });
});

describe('the last administrator', () => {
  it('can be neither removed nor demoted', async () => {
    const { tenant, person } = await bench.makeMember();
    await add(tenant);
    const key = { tenantId: tenant.id, userId: person.id };
    const lastAdmin = { code: 'last_admin', status: 409 };
    await expect(identity.removeMember({ key, actor: system })).rejects.toMatchObject(lastAdmin);
    await expect(identity.changeRole({ key, role: 'USER', actor: system })).rejects.toMatchObject(lastAdmin);
    expect(await findMember(bench.database(), key)).toMatchObject({ role: 'ADMIN' });
  });

  it.each<['removed' | 'demoted', (key: { tenantId: string; userId: string }) => Promise<unknown>]>([
    ['removed', (key) => identity.removeMember({ key, actor: system })],
    ['demoted', (key) => identity.changeRole({ key, role: 'USER', actor: system })],
  ])('remains when all of several are %s at once', async (_what, change) => {
    const { tenant, person } = await bench.makeMember();
    const others = [await add(tenant, { role: 'ADMIN' }), await add(tenant, { role: 'ADMIN' })];
    const admins = [person.id, ...others.map(({ userId }) => userId)];
    const outcomes = await Promise.allSettled(
      admins.map((userId) => change({ tenantId: tenant.id, userId })),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => reason.code)).toEqual(['last_admin']);
  });

  it('may go once another one is there', async () => {
    const { tenant, person } = await bench.makeMember();
    const other = await add(tenant);
    const tenantId = tenant.id;
    await identity.changeRole({ key: { tenantId, userId: other.userId }, role: 'ADMIN', actor: system });
    await identity.removeMember({ key: { tenantId, userId: person.id }, actor: system });
    expect(await countOf(tenant)).toBe(1);
  });
});

describe('removing a member', () => {
  it('ends the sessions in this tenant and no others, and keeps the account', async () => {
    const { tenant } = await bench.makeMember();
    const { tenant: elsewhere, person } = await bench.makeMember('USER');
    await bench.join(tenant, person, 'USER');
    const login = (tenantKey: string) =>
      identity.login({ email: person.email, password: goodPassword, tenantKey });
    const [here, there] = [await login(tenant.slug), await login(elsewhere.slug)];
    await identity.removeMember({ key: { tenantId: tenant.id, userId: person.id }, actor: system });
    await expect(identity.verifyAccessToken(here.accessToken)).rejects.toThrow();
    await expect(identity.refresh(here.refreshToken)).rejects.toThrow();
    await expect(identity.verifyAccessToken(there.accessToken)).resolves.toBeDefined();
    expect(await findUserById(bench.database(), person.id)).toBeDefined();
  });

  it('finds nobody of another tenant', async () => {
    const [{ tenant }, { person }] = [await bench.makeMember(), await bench.makeMember()];
    const key = { tenantId: tenant.id, userId: person.id };
    const notFound = { code: 'not_found', status: 404 };
    await expect(identity.removeMember({ key, actor: system })).rejects.toMatchObject(notFound);
    await expect(identity.changeRole({ key, role: 'ADMIN', actor: system })).rejects.toMatchObject(notFound);
  });
});
