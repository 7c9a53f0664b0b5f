import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import {
  deleteFinishedSessions,
  endSessions,
  findSessionOfToken,
} from '../registry/repositories/sessions.ts';
import type { RefreshTokens } from './refresh-tokens.ts';
import type { ChangeSessionsOf } from './session-changes.ts';

export type EndedSessionsNeeds = {
  database: RegistryDatabase;
  refreshTokens: RefreshTokens;
  changeSessionsOf: ChangeSessionsOf;
};

/** Whose session is to end: proven by an access token, by a refresh token, or both. */
export type Logout = {
  holder?: { userId: string; sessionId: string } | undefined;
  refreshToken?: string | undefined;
  /** All sessions of the person, on all devices and in all tenants. */
  all?: boolean | undefined;
};

/** The ways in which people end sessions of their own. */
export function createEndedSessions({ database, refreshTokens, changeSessionsOf }: EndedSessionsNeeds) {
  async function holderOfToken(token: string) {
    return findSessionOfToken(database, refreshTokens.fingerprint(token));
  }

  return {
    /** Says nothing of a refresh token that is unknown: its session is over, which is what was asked for. */
    async logout({ holder, refreshToken, all = false }: Logout): Promise<void> {
      const byToken = refreshToken === undefined ? undefined : await holderOfToken(refreshToken);
      for (const ending of [holder, byToken]) {
        if (ending === undefined) continue;
        const { userId, sessionId } = ending;
        const choice = all ? { userId } : { userId, id: sessionId };
        await changeSessionsOf(userId, (trx) => endSessions(trx, choice, 'logout'));
      }
    },

    /** @throws not_found for a session that is not open, or not the person's own */
    async endOwnSession(userId: string, sessionId: string): Promise<void> {
      const ended = await changeSessionsOf(userId, (trx) =>
        endSessions(trx, { userId, id: sessionId }, 'ended_by_user'),
      );
      if (ended.length === 0) throw errors.notFound('session');
    },

    async endOtherSessions(userId: string, currentId: string): Promise<void> {
      await changeSessionsOf(userId, (trx) =>
        endSessions(trx, { userId, exceptId: currentId }, 'ended_by_user'),
      );
    },

    /** For a schedule: deletes what is over, in portions that lock nothing for long. @returns how many. */
    async deleteFinished(portion = 1_000): Promise<number> {
      let total = 0;
      for (;;) {
        const deleted = await deleteFinishedSessions(database, portion);
        total += deleted;
        if (deleted < portion) return total;
      }
    },
  };
}
