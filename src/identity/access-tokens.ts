import { randomUUID, webcrypto } from 'node:crypto';
import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { errors } from '../errors/catalogue.ts';

export type Role = 'USER' | 'ADMIN' | 'SUPER_ADMIN';

/** Who holds an access token, and in what capacity. */
export type AccessClaims = {
  userId: string;
  /** null for a SUPER_ADMIN, who belongs to no tenant. */
  tenantId: string | null;
  tenantKey: string | null;
  role: Role;
  sessionId: string;
};

export type AccessTokenSettings = {
  secret: string;
  issuer: string;
  audience: string;
  lifeMs: number;
  now?: () => Date;
};

/** Own tokens have about 600 bytes; a longer one is not looked at. */
const longestToken = 4_096;
/** What the clocks of two machines with NTP may differ by, and more. */
const clockToleranceSeconds = 5;
/** Of some 700 bytes each. Verifying a token takes a fifth of a request. */
const mostVerified = 5_000;
const algorithm = 'HS256';
const type = 'at+jwt';
const { subtle } = webcrypto;
const hmacSha256 = { name: 'HMAC', hash: 'SHA-256' };
const clientId = 'tenant-manager';
const required = [
  'iss',
  'aud',
  'client_id',
  'sub',
  'tenant_id',
  'tenant_key',
  'role',
  'sid',
  'iat',
  'exp',
  'jti',
];

const payloadSchema = z
  .object({
    client_id: z.literal(clientId),
    sub: z.uuid(),
    tenant_id: z.uuid().nullable(),
    tenant_key: z.string().nullable(),
    role: z.enum(['USER', 'ADMIN', 'SUPER_ADMIN']),
    sid: z.uuid(),
    jti: z.uuid(),
    // JSON may say 1e999, which is Infinity to a check of the time.
    iat: z.int(),
    exp: z.int(),
  })
  .refine((payload) => (payload.role === 'SUPER_ADMIN') === (payload.tenant_id === null));

/** By its whole text: a token that differs in one letter is another one. In seconds of the clock. */
type Verified = { claims: AccessClaims; from: number; until: number };

/** Access tokens as RFC 9068 describes them. */
export function createAccessTokens(settings: AccessTokenSettings) {
  const { issuer, audience, lifeMs, now = () => new Date() } = settings;
  // Bytes would let jose guess what kind of key they are, and any but this would be imported for each token anew.
  const importing = subtle.importKey('raw', Buffer.from(settings.secret, 'utf8'), hmacSha256, false, [
    'sign',
    'verify',
  ]);
  const lifeSeconds = Math.floor(lifeMs / 1_000);
  const verified = new LRUCache<string, Verified>({ max: mostVerified });

  async function readPayload(token: string): Promise<JWTPayload> {
    if (token.length > longestToken) throw errors.notAuthenticated();
    const { payload } = await jwtVerify(token, await importing, {
      algorithms: [algorithm],
      typ: type,
      issuer,
      audience,
      requiredClaims: required,
      clockTolerance: clockToleranceSeconds,
      maxTokenAge: lifeSeconds,
      currentDate: now(),
    });
    return payload;
  }

  return {
    /** Seconds that a token lives. */
    lifeSeconds,

    async sign(claims: AccessClaims): Promise<string> {
      const issuedAt = Math.floor(now().getTime() / 1_000);
      return new SignJWT({
        client_id: clientId,
        tenant_id: claims.tenantId,
        tenant_key: claims.tenantKey,
        role: claims.role,
        sid: claims.sessionId,
      })
        .setProtectedHeader({ alg: algorithm, typ: type })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(claims.userId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + lifeSeconds)
        .setJti(randomUUID())
        .sign(await importing);
    },

    /**
     * Checks the token itself; whether its session still stands is another question.
     * @throws not_authenticated, the same whatever is wrong
     */
    async read(token: string): Promise<AccessClaims> {
      const seconds = now().getTime() / 1_000;
      const known = verified.get(token);
      if (known !== undefined && seconds >= known.from && seconds < known.until) return known.claims;
      const payload = await readPayload(token).catch((error: unknown) => {
        throw errors.notAuthenticated().causedBy(error);
      });
      const { claims, until } = readClaims(payload);
      verified.set(token, { claims, from: seconds, until });
      return claims;
    },
  };
}

/** @throws not_authenticated */
function readClaims(payload: JWTPayload): Pick<Verified, 'claims' | 'until'> {
  const parsed = payloadSchema.safeParse(payload);
  if (!parsed.success) throw errors.notAuthenticated().causedBy(parsed.error);
  const { sub, tenant_id, tenant_key, role, sid, exp } = parsed.data;
  const claims = { userId: sub, tenantId: tenant_id, tenantKey: tenant_key, role, sessionId: sid };
  return { claims: Object.freeze(claims), until: exp };
}

export type AccessTokens = ReturnType<typeof createAccessTokens>;
