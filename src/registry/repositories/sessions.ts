import { type Selectable, sql } from 'kysely';
import type { RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { MemberRole, PlatformRole, Sessions } from '../tables.generated.ts';

/** All times are those of the registry's clock: processes on machines with other clocks share sessions. */
export type Session = Selectable<Sessions>;

export type NewSession = {
  id: string;
  userId: string;
  tenantId: string | null;
  userAgent: string | null;
  /** Milliseconds from now to its absolute end. */
  lifeMs: number;
};

export async function insertSession(
  executor: RegistryExecutor,
  { lifeMs, ...session }: NewSession,
): Promise<void> {
  await executor
    .insertInto('sessions')
    .values({ ...session, expiresAt: sql<Date>`now() + ${lifeMs} * interval '1 millisecond'` })
    .execute();
}

export async function insertRefreshToken(
  executor: RegistryExecutor,
  token: { tokenHmac: Buffer; sessionId: string },
): Promise<void> {
  await executor
    .insertInto('refreshTokens')
    .values(token)
    .onConflict((conflict) => conflict.column('tokenHmac').doNothing())
    .execute();
}

export type SessionOfToken = { sessionId: string; userId: string; tenantId: string | null };

export async function findSessionOfToken(
  executor: RegistryExecutor,
  tokenHmac: Buffer,
): Promise<SessionOfToken | undefined> {
  return executor
    .selectFrom('refreshTokens as r')
    .innerJoin('sessions as s', 's.id', 'r.sessionId')
    .where('r.tokenHmac', '=', tokenHmac)
    .select(['r.sessionId', 's.userId', 's.tenantId'])
    .executeTakeFirst();
}

/** What a session still allows; the role is that of this moment, null when there is none any more. */
export type SessionStanding = {
  userId: string;
  tenantId: string | null;
  isOpen: boolean;
  role: MemberRole | PlatformRole | null;
};

export async function findStanding(
  executor: RegistryExecutor,
  sessionId: string,
): Promise<SessionStanding | undefined> {
  return executor
    .selectFrom('sessions as s')
    .innerJoin('globalUsers as u', 'u.id', 's.userId')
    .leftJoin('tenantMembers as m', (join) =>
      join.onRef('m.tenantId', '=', 's.tenantId').onRef('m.userId', '=', 's.userId'),
    )
    .where('s.id', '=', sessionId)
    .select([
      's.userId',
      's.tenantId',
      sql<boolean>`s.ended_at IS NULL AND s.expires_at > now()`.as('isOpen'),
      sql<
        SessionStanding['role']
      >`CASE WHEN s.tenant_id IS NULL THEN u.platform_role::text ELSE m.role::text END`.as('role'),
    ])
    .executeTakeFirst();
}

/** One family rotates one after the other. @returns false when the session is gone, ended or expired. */
export async function lockOpenSession(trx: RegistryTransaction, id: string): Promise<boolean> {
  const session = await trx
    .selectFrom('sessions')
    .where('id', '=', id)
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', sql<Date>`now()`)
    .select('id')
    .forUpdate()
    .executeTakeFirst();
  return session !== undefined;
}

/** How long ago a token was rotated, in milliseconds by the registry's clock; null for one that was not. */
export async function readTokenAge(
  executor: RegistryExecutor,
  tokenHmac: Buffer,
): Promise<{ rotatedForMs: number | null } | undefined> {
  return executor
    .selectFrom('refreshTokens')
    .where('tokenHmac', '=', tokenHmac)
    .select(
      sql<number | null>`(extract(epoch FROM clock_timestamp() - rotated_at) * 1000)::float8`.as(
        'rotatedForMs',
      ),
    )
    .executeTakeFirst();
}

export async function markRotated(executor: RegistryExecutor, tokenHmac: Buffer): Promise<void> {
  await executor
    .updateTable('refreshTokens')
    .set({ rotatedAt: sql`clock_timestamp()` })
    .where('tokenHmac', '=', tokenHmac)
    .execute();
}

export async function touchSession(executor: RegistryExecutor, id: string): Promise<void> {
  await executor.updateTable('sessions').set({ lastUsedAt: sql`now()` }).where('id', '=', id).execute();
}

/** Which sessions of a person; every member narrows the choice. */
export type SessionChoice = { userId: string; id?: string; tenantId?: string; exceptId?: string };

/** @returns the ids of those that were open. */
export async function endSessions(
  executor: RegistryExecutor,
  { userId, id, tenantId, exceptId }: SessionChoice,
  reason: string,
): Promise<string[]> {
  let ending = executor
    .updateTable('sessions')
    .set({ endedAt: sql`now()`, endedReason: reason })
    .where('userId', '=', userId)
    .where('endedAt', 'is', null);
  if (id !== undefined) ending = ending.where('id', '=', id);
  if (tenantId !== undefined) ending = ending.where('tenantId', '=', tenantId);
  if (exceptId !== undefined) ending = ending.where('id', '<>', exceptId);
  const ended = await ending.returning('id').execute();
  return ended.map((session) => session.id);
}

export type OpenSession = Pick<Session, 'id' | 'createdAt' | 'lastUsedAt' | 'expiresAt' | 'userAgent'> & {
  tenantKey: string | null;
};

/** Newest first: the ids are UUIDv7, and so a cursor in the order of time. */
export async function listOpenSessions(
  executor: RegistryExecutor,
  userId: string,
  { beforeId, limit }: { beforeId: string | undefined; limit: number },
): Promise<OpenSession[]> {
  const sessions = executor
    .selectFrom('sessions as s')
    .leftJoin('tenantRegistry as t', 't.id', 's.tenantId')
    .where('s.userId', '=', userId)
    .where('s.endedAt', 'is', null)
    .where('s.expiresAt', '>', sql<Date>`now()`)
    .select(['s.id', 's.createdAt', 's.lastUsedAt', 's.expiresAt', 's.userAgent', 't.slug as tenantKey'])
    .orderBy('s.id', 'desc')
    .limit(limit);
  return (beforeId === undefined ? sessions : sessions.where('s.id', '<', beforeId)).execute();
}

/** Deletes at most `limit` sessions that are over, their tokens with them. @returns how many. */
export async function deleteFinishedSessions(executor: RegistryExecutor, limit: number): Promise<number> {
  const finished = executor
    .selectFrom('sessions')
    .where((either) =>
      either.or([
        either('expiresAt', '<', sql<Date>`now()`),
        either('endedAt', '<', sql<Date>`now() - interval '7 days'`),
      ]),
    )
    .select('id')
    .limit(limit);
  const deleted = await executor.deleteFrom('sessions').where('id', 'in', finished).executeTakeFirst();
  return Number(deleted.numDeletedRows);
}
