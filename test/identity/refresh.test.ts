import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/identity/identity.ts';
import { goodPassword, jwt, useIdentityBench } from './identity-bench.ts';

const bench = useIdentityBench();
let identity: Identity;

beforeAll(() => {
  identity = bench.identity();
});

const refused = { code: 'invalid_refresh_token', status: 401 };
const afterWindowMs = 10_001;

async function loggedIn(over: Parameters<typeof bench.makeMember>[1] = {}) {
  const made = await bench.makeMember('ADMIN', over);
  return { ...made, ...(await identity.login({ email: made.person.email, password: goodPassword })) };
}

async function isAlive(accessToken: string): Promise<boolean> {
  return identity.verifyAccessToken(accessToken).then(
    () => true,
    () => false,
  );
}

describe('refresh', () => {
  it('gives new tokens of the same session, again and again', async () => {
    const first = await loggedIn();
    const second = await identity.refresh(first.refreshToken);
    const third = await identity.refresh(second.refreshToken);
    const tokens = [first, second, third].map(({ refreshToken }) => refreshToken);
    expect(new Set(tokens).size).toBe(3);
    expect(third).toMatchObject({ sessionId: first.sessionId, expiresIn: 3_600 });
    expect(await isAlive(third.accessToken)).toBe(true);
    expect(await isAlive(first.accessToken)).toBe(true);
  });

  it('gives the same successor when the answer was lost', async () => {
    const { refreshToken } = await loggedIn();
    const [answer, retry] = [await identity.refresh(refreshToken), await identity.refresh(refreshToken)];
    expect(retry.refreshToken).toBe(answer.refreshToken);
    expect(await isAlive((await identity.refresh(retry.refreshToken)).accessToken)).toBe(true);
  });

  it('gives the same successor to all who ask at once', async () => {
    const { refreshToken, sessionId } = await loggedIn();
    const answers = await Promise.all(Array.from({ length: 12 }, () => identity.refresh(refreshToken)));
    expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
    const tokens = await bench
      .database()
      .selectFrom('refreshTokens')
      .selectAll()
      .where('sessionId', '=', sessionId)
      .execute();
    expect(tokens).toHaveLength(2);
  });

  it('ends the whole family when a used token comes back later', async () => {
    const first = await loggedIn();
    const second = await identity.refresh(first.refreshToken);
    await bench.ageTokens(first.sessionId, afterWindowMs);
    await expect(identity.refresh(first.refreshToken)).rejects.toMatchObject(refused);
    await expect(identity.refresh(second.refreshToken)).rejects.toMatchObject(refused);
    expect(await isAlive(second.accessToken)).toBe(false);
    const audit = await bench
      .database()
      .selectFrom('auditLog')
      .select('after')
      .where('action', '=', 'session.ended')
      .where('tenantId', '=', first.tenant.id)
      .executeTakeFirst();
    expect(audit?.after).toMatchObject({ session_id: first.sessionId, reason: 'reuse' });
  });

  it('ends that family only', async () => {
    const stolen = await loggedIn();
    const other = await identity.login({ email: stolen.person.email, password: goodPassword });
    await identity.refresh(stolen.refreshToken);
    await bench.ageTokens(stolen.sessionId, afterWindowMs);
    await expect(identity.refresh(stolen.refreshToken)).rejects.toMatchObject(refused);
    expect(await isAlive((await identity.refresh(other.refreshToken)).accessToken)).toBe(true);
  });

  it('still takes a used token shortly before the window ends', async () => {
    const { refreshToken, sessionId } = await loggedIn();
    const { refreshToken: successor } = await identity.refresh(refreshToken);
    await bench.ageTokens(sessionId, 5_000);
    expect((await identity.refresh(refreshToken)).refreshToken).toBe(successor);
  });

  it('reads the role anew', async () => {
    const { tenant, person, refreshToken } = await loggedIn();
    await bench.join(tenant, await bench.makePerson(), 'ADMIN');
    const key = { tenantId: tenant.id, userId: person.id };
    await identity.changeRole({ key, role: 'USER', actor: { kind: 'system', id: null } });
    const { accessToken } = await identity.refresh(refreshToken);
    expect(await identity.verifyAccessToken(accessToken)).toMatchObject({ role: 'USER' });
  });

  it.each([
    ['unknown', () => randomBytes(32).toString('base64url')],
    ['empty', () => ''],
    ['a megabyte', () => 'a'.repeat(1_000_000)],
    ['SQL', () => "' OR 1=1 --".padEnd(43, ' ')],
  ])('refuses a token that is %s', async (_what, token) => {
    await expect(identity.refresh(token())).rejects.toMatchObject(refused);
  });

  it('refuses what is stored, and what another secret would store', async () => {
    const { refreshToken, sessionId } = await loggedIn();
    const { tokenHmac } = await bench
      .database()
      .selectFrom('refreshTokens')
      .select('tokenHmac')
      .where('sessionId', '=', sessionId)
      .executeTakeFirstOrThrow();
    for (const stolen of [tokenHmac.toString('base64url'), tokenHmac.toString('hex')]) {
      await expect(identity.refresh(stolen)).rejects.toMatchObject(refused);
    }
    const other = bench.identity({
      jwt: { ...jwt, refreshSecret: 'another secret altogether, of some length' },
    });
    await expect(other.refresh(refreshToken)).rejects.toMatchObject(refused);
  });

  it.each<[string, (session: Awaited<ReturnType<typeof loggedIn>>) => Promise<unknown>]>([
    ['logout', ({ refreshToken }) => identity.logout({ refreshToken })],
    ['the session’s absolute end', ({ sessionId }) => expire(sessionId)],
    ['the removal of the member', ({ tenant, person }) => removeRow(tenant.id, person.id)],
  ])('refuses after %s', async (_what, end) => {
    const session = await loggedIn();
    await end(session);
    await expect(identity.refresh(session.refreshToken)).rejects.toMatchObject(refused);
  });

  it('does not prolong the session', async () => {
    const { refreshToken, sessionId } = await loggedIn();
    const endOf = () =>
      bench
        .database()
        .selectFrom('sessions')
        .select('expiresAt')
        .where('id', '=', sessionId)
        .executeTakeFirst();
    const before = await endOf();
    await identity.refresh(refreshToken);
    expect(await endOf()).toEqual(before);
  });

  it('waits for a suspended tenant without using the token up', async () => {
    const { tenant, refreshToken, sessionId } = await loggedIn();
    await setStatus(tenant.id, 'suspended');
    await expect(identity.refresh(refreshToken)).rejects.toMatchObject({ code: 'tenant_suspended' });
    await setStatus(tenant.id, 'active');
    await bench.ageTokens(sessionId, afterWindowMs);
    expect(await isAlive((await identity.refresh(refreshToken)).accessToken)).toBe(true);
  });

  async function setStatus(id: string, status: 'active' | 'suspended') {
    await bench.database().updateTable('tenantRegistry').set({ status }).where('id', '=', id).execute();
  }

  async function expire(id: string) {
    const expiresAt = sql<Date>`now() - interval '1 second'`;
    await bench.database().updateTable('sessions').set({ expiresAt }).where('id', '=', id).execute();
  }

  async function removeRow(tenantId: string, userId: string) {
    await bench
      .database()
      .deleteFrom('tenantMembers')
      .where('tenantId', '=', tenantId)
      .where('userId', '=', userId)
      .execute();
  }
});
