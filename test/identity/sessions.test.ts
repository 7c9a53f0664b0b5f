import { sql } from 'kysely';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/identity/identity.ts';
import { createMessages, type Messages } from '../../src/registry/messages.ts';
import { goodPassword, useIdentityBench } from './identity-bench.ts';

const bench = useIdentityBench();
let identity: Identity;

beforeAll(() => {
  identity = bench.identity();
});

const refused = { code: 'not_authenticated' };

async function loggedIn(role: 'ADMIN' | 'USER' = 'ADMIN') {
  const made = await bench.makeMember(role);
  const tokens = await identity.login({ email: made.person.email, password: goodPassword });
  return { ...made, ...tokens };
}

describe('a session', () => {
  it('gives an access token that says who, where and what', async () => {
    const { person, tenant, accessToken, sessionId, expiresIn } = await loggedIn('USER');
    expect(expiresIn).toBe(3_600);
    expect(await identity.verifyAccessToken(accessToken)).toEqual({
      userId: person.id,
      tenantId: tenant.id,
      tenantKey: tenant.slug,
      role: 'USER',
      sessionId,
    });
  });

  it('is started for members only', async () => {
    const [tenant, person] = [await bench.makeTenant(), await bench.makePerson()];
    await expect(identity.startSession({ userId: person.id, tenantId: tenant.id })).rejects.toMatchObject(
      refused,
    );
    await expect(identity.startSession({ userId: person.id, tenantId: null })).rejects.toMatchObject(refused);
  });

  it('is not kept when the transaction that started it is rolled back', async () => {
    const { tenant, person } = await bench.makeMember();
    const start = { userId: person.id, tenantId: tenant.id };
    let token = '';
    const rolledBack = bench
      .database()
      .transaction()
      .execute(async (executor) => {
        token = (await identity.startSession({ ...start, executor })).accessToken;
        throw new Error('rolled back');
      });
    await expect(rolledBack).rejects.toThrow('rolled back');
    await expect(identity.verifyAccessToken(token)).rejects.toMatchObject(refused);
  });

  it('stores no token, only its HMAC', async () => {
    const { refreshToken, sessionId } = await loggedIn();
    const { rows } = await sql<{ dump: string }>`
      SELECT concat((SELECT json_agg(s) FROM sessions s), (SELECT json_agg(r) FROM refresh_tokens r)) AS dump
    `.execute(bench.database());
    const hex = Buffer.from(refreshToken).toString('hex');
    const bytes = Buffer.from(refreshToken, 'base64url').toString('hex');
    expect(rows[0]?.dump).toContain(sessionId);
    for (const form of [refreshToken, hex, bytes]) expect(rows[0]?.dump).not.toContain(form);
  });

  it('shortens a long user agent', async () => {
    const { tenant, person } = await bench.makeMember();
    const start = { userId: person.id, tenantId: tenant.id, userAgent: 'x'.repeat(5_000) };
    const { sessionId } = await identity.startSession(start);
    const row = await bench
      .database()
      .selectFrom('sessions')
      .select('userAgent')
      .where('id', '=', sessionId)
      .executeTakeFirstOrThrow();
    expect(row.userAgent).toHaveLength(300);
  });
});

describe('the access token of a session', () => {
  it.each<[string, (session: Awaited<ReturnType<typeof loggedIn>>) => Promise<unknown>]>([
    ['its logout', ({ person, sessionId }) => identity.logout({ holder: { userId: person.id, sessionId } })],
    ['a logout by its refresh token', ({ refreshToken }) => identity.logout({ refreshToken })],
    ['the end of all sessions', ({ refreshToken }) => identity.logout({ refreshToken, all: true })],
    ['the end of this session', ({ person, sessionId }) => identity.endOwnSession(person.id, sessionId)],
    ['another role', ({ tenant, person }) => changeRole(tenant.id, person.id)],
    ['the removal of the member', ({ tenant, person }) => remove(tenant.id, person.id)],
  ])('ends at once with %s', async (_what, end) => {
    const session = await loggedIn('USER');
    await expect(identity.verifyAccessToken(session.accessToken)).resolves.toBeDefined();
    await end(session);
    await expect(identity.verifyAccessToken(session.accessToken)).rejects.toMatchObject(refused);
  });

  it('stays good when another session of the person ends', async () => {
    const { person, accessToken } = await loggedIn();
    const other = await identity.login({ email: person.email, password: goodPassword });
    await identity.endOwnSession(person.id, other.sessionId);
    await expect(identity.verifyAccessToken(other.accessToken)).rejects.toMatchObject(refused);
    await expect(identity.verifyAccessToken(accessToken)).resolves.toBeDefined();
  });

  async function changeRole(tenantId: string, userId: string) {
    await bench.join({ id: tenantId, slug: '' }, await bench.makePerson(), 'ADMIN');
    await identity.changeRole({
      key: { tenantId, userId },
      role: 'ADMIN',
      actor: { kind: 'system', id: null },
    });
  }

  async function remove(tenantId: string, userId: string) {
    await bench.join({ id: tenantId, slug: '' }, await bench.makePerson(), 'ADMIN');
    await identity.removeMember({ key: { tenantId, userId }, actor: { kind: 'system', id: null } });
  }
});

describe('another process', () => {
  let messages: Messages | undefined;

  afterEach(async () => {
    await messages?.stop();
    messages = undefined;
  });

  it('hears of the end of a session that it has just served', async () => {
    messages = createMessages({
      login: bench.login(),
      applicationName: 'test',
      onError: (error) => {
        throw error;
      },
    });
    await messages.start();
    const heard = new Promise((resolve) => messages?.on('sessions.changed', resolve));
    const other = bench.identity({ messages });
    const { accessToken, refreshToken } = await loggedIn();
    await expect(other.verifyAccessToken(accessToken)).resolves.toBeDefined();
    await identity.logout({ refreshToken });
    await heard;
    await expect(other.verifyAccessToken(accessToken)).rejects.toMatchObject(refused);
  });
});

describe('sessions that are over', () => {
  it('are deleted with their tokens, and open ones are kept', async () => {
    const [open, expired, ended, justEnded] = [
      await loggedIn(),
      await loggedIn(),
      await loggedIn(),
      await loggedIn(),
    ];
    await shift(expired.sessionId, { expiresAt: sql`now() - interval '1 second'` });
    await shift(ended.sessionId, { endedAt: sql`now() - interval '8 days'` });
    await identity.logout({ refreshToken: justEnded.refreshToken });
    expect(await identity.deleteFinished(1)).toBe(2);
    expect(await identity.deleteFinished()).toBe(0);
    const left = await bench.database().selectFrom('refreshTokens').select('sessionId').execute();
    const ids = left.map(({ sessionId }) => sessionId);
    expect(ids).toEqual(expect.arrayContaining([open.sessionId, justEnded.sessionId]));
    expect(ids).not.toContain(expired.sessionId);
    expect(ids).not.toContain(ended.sessionId);
  });

  async function shift(id: string, change: { expiresAt?: unknown; endedAt?: unknown }): Promise<void> {
    await bench
      .database()
      .updateTable('sessions')
      .set(change as { endedAt?: Date })
      .where('id', '=', id)
      .execute();
  }
});
