import type { Messages } from '../registry/messages.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { findStanding } from '../registry/repositories/sessions.ts';
import { createAccessTokens } from './access-tokens.ts';
import type { Argon2Options } from './argon2-queue.ts';
import { createCapacityReader, type RefusalOf } from './capacity.ts';
import { normalizeEmail } from './email.ts';
import { createEndedSessions } from './ended-sessions.ts';
import { createLogin } from './login.ts';
import { createMemberAddition } from './member-addition.ts';
import { createMembers } from './members.ts';
import { createOwnAccount } from './own-account.ts';
import { createPasswords } from './passwords.ts';
import { createRefresh } from './refresh.ts';
import { createRefreshTokens } from './refresh-tokens.ts';
import { createSessionChanges } from './session-changes.ts';
import { createSessions } from './sessions.ts';
import { createStandingCache } from './standing-cache.ts';
import { createSuperAdmins } from './super-admins.ts';
import { createTenantProfile } from './tenant-profile.ts';

export type IdentityNeeds = {
  database: RegistryDatabase;
  jwt: {
    /** JWT_SECRET: signs access tokens. */
    secret: string;
    /** JWT_REFRESH_SECRET: refresh tokens are stored under it. */
    refreshSecret: string;
    /** PUBLIC_URL. */
    issuer: string;
    audience: string;
    accessLifeMs: number;
    /** Absolute life of a session. */
    sessionLifeMs: number;
  };
  passwordMinLength: number;
  refusalOf: RefusalOf;
  /** What other processes change is heard of here; without it, within 15 seconds. */
  messages?: Pick<Messages, 'on' | 'onReconnect'>;
  /** The clock of access tokens. Sessions follow the registry's clock. */
  now?: () => Date;
  argon2?: Argon2Options;
};

/** People, passwords, tokens, sessions and members. */
export function createIdentity(needs: IdentityNeeds) {
  const { database, jwt, messages, now, argon2 = {} } = needs;
  const passwords = createPasswords({ minLength: needs.passwordMinLength, argon2 });
  const accessTokens = createAccessTokens({
    secret: jwt.secret,
    issuer: jwt.issuer,
    audience: jwt.audience,
    lifeMs: jwt.accessLifeMs,
    ...(now && { now }),
  });
  const refreshTokens = createRefreshTokens(jwt.refreshSecret);
  const standings = createStandingCache({ load: (sessionId) => findStanding(database, sessionId) });
  messages?.on('sessions.changed', ({ userId }) => standings.forgetUser(userId));
  messages?.onReconnect(standings.forgetAll);
  messages?.on('caches.cleared', standings.forgetAll);
  const { forgetUser } = standings;
  const changeSessionsOf = createSessionChanges({ database, forgetUser });
  const readCapacity = createCapacityReader(needs.refusalOf);
  const lifeMs = jwt.sessionLifeMs;
  const sessions = createSessions({ database, accessTokens, refreshTokens, readCapacity, standings, lifeMs });
  return {
    ...passwords,
    normalizeEmail,
    ...sessions,
    ...createLogin({ database, passwords, startSession: sessions.startSession }),
    refresh: createRefresh({ database, accessTokens, refreshTokens, readCapacity, forgetUser }),
    ...createEndedSessions({ database, refreshTokens, changeSessionsOf }),
    ...createOwnAccount({ database, passwords, changeSessionsOf }),
    addMember: createMemberAddition({ database, passwords }),
    ...createMembers({ changeSessionsOf }),
    ...createTenantProfile({ database }),
    createSuperAdmin: createSuperAdmins({ passwords, changeSessionsOf }),
  };
}

export type Identity = ReturnType<typeof createIdentity>;
