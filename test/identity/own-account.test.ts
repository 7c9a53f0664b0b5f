import { beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/identity/identity.ts';
import { findUserById } from '../../src/registry/repositories/users.ts';
import { goodPassword, useIdentityBench } from './identity-bench.ts';

const bench = useIdentityBench();
let identity: Identity;

beforeAll(() => {
  identity = bench.identity();
});

const newPassword = 'a fresh horse 9 battery';

async function loggedIn() {
  const { person } = await bench.makeMember('USER');
  const tokens = await identity.login({ email: person.email, password: goodPassword });
  return { person, tokens, caller: await identity.verifyAccessToken(tokens.accessToken) };
}

describe('changing one’s password', () => {
  it('ends all sessions but the one that asks', async () => {
    const { person, tokens, caller } = await loggedIn();
    const other = await identity.login({ email: person.email, password: goodPassword });
    await identity.changePassword(caller, { currentPassword: goodPassword, newPassword });
    await expect(identity.verifyAccessToken(tokens.accessToken)).resolves.toBeDefined();
    await expect(identity.refresh(tokens.refreshToken)).resolves.toBeDefined();
    await expect(identity.verifyAccessToken(other.accessToken)).rejects.toThrow();
    await expect(identity.refresh(other.refreshToken)).rejects.toThrow();
    await expect(identity.login({ email: person.email, password: goodPassword })).rejects.toThrow();
    await expect(identity.login({ email: person.email, password: newPassword })).resolves.toBeDefined();
  });

  it('needs the current one', async () => {
    const { person, caller } = await loggedIn();
    await expect(
      identity.changePassword(caller, { currentPassword: newPassword, newPassword }),
    ).rejects.toMatchObject({ problems: [{ path: 'current_password' }] });
    await expect(identity.login({ email: person.email, password: goodPassword })).resolves.toBeDefined();
  });

  it('needs an acceptable one', async () => {
    const { person, caller } = await loggedIn();
    for (const unacceptable of ['short', 'password', person.email]) {
      await expect(
        identity.changePassword(caller, { currentPassword: goodPassword, newPassword: unacceptable }),
      ).rejects.toMatchObject({ problems: [{ path: 'new_password' }] });
    }
  });

  it('has one winner of two at once', async () => {
    const { caller } = await loggedIn();
    const outcomes = await Promise.allSettled(
      ['the first horse 1 battery', 'the second horse 2 battery'].map((wanted) =>
        identity.changePassword(caller, { currentPassword: goodPassword, newPassword: wanted }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('prevents a login with the former one that has begun before', async () => {
    const { person } = await loggedIn();
    const { login } = await bench
      .database()
      .transaction()
      .execute(async (trx) => {
        await trx.selectFrom('globalUsers').select('id').where('id', '=', person.id).forUpdate().execute();
        const login = identity.login({ email: person.email, password: goodPassword }).catch((error) => error);
        await bench.untilBlocked(1);
        const passwordHash = await identity.hashPassword(newPassword);
        await trx.updateTable('globalUsers').set({ passwordHash }).where('id', '=', person.id).execute();
        return { login };
      });
    expect(await login).toMatchObject({ code: 'invalid_credentials' });
    const open = bench.database().selectFrom('sessions').where('userId', '=', person.id);
    expect(await open.select('id').execute()).toHaveLength(1);
  });

  it('writes no password into the audit log', async () => {
    const { person, caller } = await loggedIn();
    await identity.changePassword(caller, { currentPassword: goodPassword, newPassword });
    const entries = await bench
      .database()
      .selectFrom('auditLog')
      .selectAll()
      .where('actorId', '=', person.id)
      .execute();
    expect(entries).toMatchObject([{ action: 'user.password_changed', before: null, after: null }]);
  });
});

describe('changing one’s name', () => {
  it('is audited with what it was before', async () => {
    const { person, caller } = await loggedIn();
    await identity.changeOwnName(caller, 'Anna');
    await identity.changeOwnName(caller, 'Änne');
    expect((await findUserById(bench.database(), person.id))?.name).toBe('Änne');
    const entries = await bench
      .database()
      .selectFrom('auditLog')
      .select(['before', 'after'])
      .where('actorId', '=', person.id)
      .orderBy('id')
      .execute();
    expect(entries[1]).toEqual({ before: { name: 'Anna' }, after: { name: 'Änne' } });
  });
});
