import { v7 as uuidv7 } from 'uuid';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase, RegistryExecutor } from '../registry/registry-database.ts';
import { insertRefreshToken, insertSession } from '../registry/repositories/sessions.ts';
import type { AccessClaims, AccessTokens } from './access-tokens.ts';
import type { ReadCapacity } from './capacity.ts';
import type { RefreshTokens } from './refresh-tokens.ts';
import type { StandingCache } from './standing-cache.ts';

/** What a client gets to prove who it is. */
export type TokenPair = {
  accessToken: string;
  refreshToken: string;
  /** Seconds until the access token ends. */
  expiresIn: number;
  sessionId: string;
};

export type SessionStart = {
  userId: string;
  /** null for a SUPER_ADMIN. */
  tenantId: string | null;
  userAgent?: string | undefined;
  /** The transaction of which the session is a part. */
  executor?: RegistryExecutor;
};

export type SessionsNeeds = {
  database: RegistryDatabase;
  accessTokens: AccessTokens;
  refreshTokens: RefreshTokens;
  readCapacity: ReadCapacity;
  standings: Pick<StandingCache, 'read'>;
  /** Absolute life of a session in milliseconds. */
  lifeMs: number;
};

const longestUserAgent = 300;

export function createSessions(needs: SessionsNeeds) {
  const { database, accessTokens, refreshTokens, readCapacity, standings, lifeMs } = needs;
  return {
    /**
     * Starts a family of refresh tokens.
     * @throws not_authenticated for who is not (any more) what the session is for; the tenant's error by its status
     */
    async startSession(start: SessionStart): Promise<TokenPair> {
      const { executor = database, userId, tenantId } = start;
      const capacity = await readCapacity(executor, { userId, tenantId });
      if (capacity === undefined) throw errors.notAuthenticated();
      const sessionId = uuidv7();
      const userAgent = start.userAgent?.slice(0, longestUserAgent) ?? null;
      await insertSession(executor, { id: sessionId, userId, tenantId, userAgent, lifeMs });
      const refreshToken = refreshTokens.generate();
      await insertRefreshToken(executor, { tokenHmac: refreshTokens.fingerprint(refreshToken), sessionId });
      const accessToken = await accessTokens.sign({ userId, tenantId, ...capacity, sessionId });
      return { accessToken, refreshToken, expiresIn: accessTokens.lifeSeconds, sessionId };
    },

    /**
     * The token must be sound, its session open and its holder still what it says. A role that was changed
     * ends the token; the next refresh gives one with the new role.
     * @throws not_authenticated
     */
    async verifyAccessToken(token: string): Promise<AccessClaims> {
      const claims = await accessTokens.read(token);
      const standing = await standings.read(claims.sessionId);
      const stands =
        standing?.isOpen === true &&
        standing.userId === claims.userId &&
        standing.tenantId === claims.tenantId &&
        standing.role === claims.role;
      if (!stands) throw errors.notAuthenticated();
      return claims;
    },
  };
}

export type Sessions = ReturnType<typeof createSessions>;
