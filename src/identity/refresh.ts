import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { recordAudit, systemActor } from '../registry/repositories/audit-log.ts';
import {
  endSessions,
  findSessionOfToken,
  insertRefreshToken,
  lockOpenSession,
  markRotated,
  readTokenAge,
  type SessionOfToken,
  touchSession,
} from '../registry/repositories/sessions.ts';
import type { AccessClaims, AccessTokens } from './access-tokens.ts';
import type { ReadCapacity } from './capacity.ts';
import { type RefreshTokens, refreshTokenLength } from './refresh-tokens.ts';
import type { TokenPair } from './sessions.ts';

/**
 * An answer that was lost may be fetched again for this long with the token that had been presented. Longer
 * would give whoever stole a token more time to stay unnoticed (FAPI 2.0, section 5.3.2.1, RFC 9700, 4.14).
 */
const retryWindowMs = 10_000;

export type RefreshNeeds = {
  database: RegistryDatabase;
  accessTokens: AccessTokens;
  refreshTokens: RefreshTokens;
  readCapacity: ReadCapacity;
  forgetUser: (userId: string) => void;
};

type Family = { trx: RegistryTransaction; session: SessionOfToken; token: string; tokenHmac: Buffer };

/**
 * A refresh token is good for one use. States of a token: current, rotated (its successor is current), and
 * after the retry window used up: who presents it then has a copy, and the whole family ends.
 */
export function createRefresh(needs: RefreshNeeds) {
  const { database, accessTokens, refreshTokens, readCapacity, forgetUser } = needs;

  /** @returns undefined when the family was ended: that has to be committed, so it cannot be an exception. */
  async function rotate({ trx, session, token, tokenHmac }: Family): Promise<AccessClaims | undefined> {
    if (!(await lockOpenSession(trx, session.sessionId))) throw errors.invalidRefreshToken();
    // Read only now: a twin may have rotated it while this one waited for the lock.
    const age = await readTokenAge(trx, tokenHmac);
    if (age === undefined) throw errors.invalidRefreshToken();
    if (age.rotatedForMs !== null && age.rotatedForMs > retryWindowMs)
      return endFamily(trx, session, 'reuse');
    const capacity = await readCapacity(trx, session);
    if (capacity === undefined) return endFamily(trx, session, 'no_access');
    if (age.rotatedForMs === null) {
      await markRotated(trx, tokenHmac);
      const successorHmac = refreshTokens.fingerprint(refreshTokens.successorOf(token));
      await insertRefreshToken(trx, { tokenHmac: successorHmac, sessionId: session.sessionId });
    }
    await touchSession(trx, session.sessionId);
    return { ...session, ...capacity };
  }

  /** @throws invalid_refresh_token; the tenant's error by its status, which leaves the token as it was */
  return async function refresh(token: string): Promise<TokenPair> {
    if (token.length !== refreshTokenLength) throw errors.invalidRefreshToken();
    const tokenHmac = refreshTokens.fingerprint(token);
    const session = await findSessionOfToken(database, tokenHmac);
    if (session === undefined) throw errors.invalidRefreshToken();
    const claims = await database.transaction().execute((trx) => rotate({ trx, session, token, tokenHmac }));
    if (claims === undefined) {
      forgetUser(session.userId);
      throw errors.invalidRefreshToken();
    }
    return {
      accessToken: await accessTokens.sign(claims),
      refreshToken: refreshTokens.successorOf(token),
      expiresIn: accessTokens.lifeSeconds,
      sessionId: session.sessionId,
    };
  };
}

async function endFamily(
  trx: RegistryTransaction,
  { sessionId, userId, tenantId }: SessionOfToken,
  reason: 'reuse' | 'no_access',
): Promise<undefined> {
  await endSessions(trx, { userId, id: sessionId }, reason);
  await recordAudit(trx, {
    actor: systemActor,
    action: 'session.ended',
    tenantId,
    after: { session_id: sessionId, user_id: userId, reason },
  });
  await publish(trx, { kind: 'sessions.changed', userId });
}
