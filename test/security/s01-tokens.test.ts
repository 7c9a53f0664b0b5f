import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { EncryptJWT, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  goodPassword,
  openSecurityPlace,
  type Person,
  problemType,
  type SecurityPlace,
  type Sent,
} from './security-place.ts';

let place: SecurityPlace;
let ada: Person;
let foreign: Person;
let claims: JWTPayload;

beforeAll(async () => {
  place = await openSecurityPlace();
  ada = await place.register('Tokens of Ada');
  foreign = await place.register('Tokens of others');
  claims = JSON.parse(Buffer.from(ada.token.split('.')[1] ?? '', 'base64url').toString());
});
afterAll(() => place.stop());

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1_000);
const goodHeader = { alg: 'HS256', typ: 'at+jwt' };
const otherSecret = 'another secret that is long enough to sign with, and wrong';
const rightSecret = () => place.config.JWT_SECRET;

/** Made by jose: the header and the claims of a good token, but for what is said. */
function made(
  header: object,
  over: Record<string, unknown> = {},
  secret: string = rightSecret(),
): Promise<string> {
  const payload = Object.fromEntries(
    Object.entries({ ...claims, ...over }).filter(([, value]) => value !== undefined),
  );
  return new SignJWT(payload).setProtectedHeader({ ...goodHeader, ...header }).sign(Buffer.from(secret));
}

/** For what jose refuses to make. */
function raw(header: object, payload: string = JSON.stringify(claims), secret = rightSecret()): string {
  const signed = `${encode({ ...goodHeader, ...header })}.${Buffer.from(payload).toString('base64url')}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const keys = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ed: generateKeyPairSync('ed25519'),
};

function byKey(alg: string, key: (typeof keys)[keyof typeof keys], header: object = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ ...goodHeader, ...header, alg }).sign(key.privateKey);
}

const rsaPem = keys.rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const withoutSignature = () => ada.token.split('.').slice(0, 2).join('.');
const tampered = (change: object) => {
  const [header, , signature] = ada.token.split('.');
  return `${header}.${encode({ ...claims, ...change })}.${signature}`;
};

const forgeries: [string, () => string | Promise<string>][] = [
  ['S1.01 alg none, made by jose', () => new UnsecuredJWT(claims).encode()],
  ['S1.02 alg None', () => `${encode({ ...goodHeader, alg: 'None' })}.${encode(claims)}.`],
  ['S1.03 alg nOnE', () => `${encode({ ...goodHeader, alg: 'nOnE' })}.${encode(claims)}.`],
  ['S1.04 the signature cut off', () => `${withoutSignature()}.`],
  ['S1.05 HS512 with the same secret', () => made({ alg: 'HS512' })],
  ['S1.06 HS384 with the same secret', () => made({ alg: 'HS384' })],
  ['S1.07 another secret', () => made({}, {}, otherSecret)],
  ['S1.08 the refresh secret', () => made({}, {}, place.config.JWT_REFRESH_SECRET)],
  ['S1.09 RS256 by a key of its own', () => byKey('RS256', keys.rsa)],
  ['S1.10 PS256 by a key of its own', () => byKey('PS256', keys.rsa)],
  ['S1.11 ES256 by a key of its own', () => byKey('ES256', keys.ec)],
  ['S1.12 EdDSA by a key of its own', () => byKey('EdDSA', keys.ed)],
  ['S1.13 HS256 under a public RSA key in PEM', () => made({}, {}, rsaPem)],
  ['S1.14 kid is a path to an empty file', () => raw({ kid: '../../../../dev/null' }, undefined, '')],
  ['S1.15 kid is SQL', () => made({ kid: "x' UNION SELECT 'mine' --" }, {}, otherSecret)],
  ['S1.16 kid names another tenant', () => made({ kid: foreign.tenantId }, {}, otherSecret)],
  [
    'S1.17 the key embedded as jwk',
    () => byKey('EdDSA', keys.ed, { jwk: keys.ed.publicKey.export({ format: 'jwk' }) }),
  ],
  ['S1.18 the key at a jku', () => made({ jku: 'https://evil.example/jwks.json' }, {}, otherSecret)],
  ['S1.19 a certificate at an x5u', () => made({ x5u: 'https://evil.example/cert.pem' }, {}, otherSecret)],
  [
    'S1.20 a certificate embedded as x5c',
    () => made({ x5c: [Buffer.from(rsaPem).toString('base64')] }, {}, otherSecret),
  ],
  ['S1.21 an unknown critical header', () => raw({ crit: ['exp2'], exp2: 1 })],
  ['S1.22 b64 false', () => raw({ crit: ['b64'], b64: false })],
  ['S1.23 no exp', () => made({}, { exp: undefined })],
  ['S1.24 no iat', () => made({}, { iat: undefined })],
  ['S1.25 no aud', () => made({}, { aud: undefined })],
  ['S1.26 no iss', () => made({}, { iss: undefined })],
  ['S1.27 no sub', () => made({}, { sub: undefined })],
  ['S1.28 no session', () => made({}, { sid: undefined })],
  ['S1.29 another aud', () => made({}, { aud: 'another-service' })],
  ['S1.30 another iss', () => made({}, { iss: 'https://evil.example' })],
  ['S1.31 nbf in the future', () => made({}, { nbf: now() + 3_600 })],
  ['S1.32 exp 61 seconds ago', () => made({}, { exp: now() - 61 })],
  ['S1.33 a huge exp, issued too long ago', () => made({}, { iat: now() - 90_000, exp: 4_102_444_800 })],
  ['S1.34 iat in the future', () => made({}, { iat: now() + 3_600, exp: now() + 7_200 })],
  ['S1.35 typ JWT', () => made({ typ: 'JWT' })],
  ['S1.36 typ of an id token', () => made({ typ: 'id+jwt' })],
  ['S1.37 a refresh token', () => ada.refreshToken],
  ['S1.38 the tenant swapped, the signature kept', () => tampered({ tenant_id: foreign.tenantId })],
  [
    'S1.39 the tenant swapped, signed by another key',
    () => made({}, { tenant_id: foreign.tenantId }, otherSecret),
  ],
  [
    'S1.40 a tenant of which the person is no member, well signed',
    () => made({}, { tenant_id: foreign.tenantId, tenant_key: foreign.slug }),
  ],
  ['S1.41 the session of somebody else, well signed', () => made({}, { sub: foreign.userId })],
  [
    'S1.42 SUPER_ADMIN, well signed',
    () => made({}, { role: 'SUPER_ADMIN', tenant_id: null, tenant_key: null }),
  ],
  [
    'S1.43 a claim given twice',
    () => raw({}, `{${JSON.stringify(claims).slice(1, -1)},"tenant_id":"${foreign.tenantId}"}`),
  ],
  ['S1.44 64 kB', () => made({}, { padding: 'x'.repeat(65_536) })],
  [
    'S1.45 encrypted instead of signed',
    () =>
      new EncryptJWT(claims)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .encrypt(Buffer.from(rightSecret().slice(0, 32))),
  ],
  ['S1.46 a token within a token', () => raw({ cty: 'JWT' }, JSON.stringify(ada.token))],
  ['S1.47 a session that never was, well signed', () => made({}, { sid: randomUUID() })],
];

type Carried = [string, () => Sent & { query?: string }];
const carriages: Carried[] = [
  [
    'S1.48 two Authorization headers, both good',
    () => ({ headers: { authorization: [`Bearer ${ada.token}`, `Bearer ${ada.token}`] } }),
  ],
  [
    'S1.49 two Authorization headers, the second of somebody else',
    () => ({ headers: { authorization: [`Bearer ${ada.token}`, `Bearer ${foreign.token}`] } }),
  ],
  [
    'S1.50 two tokens in one header',
    () => ({ headers: { authorization: `Bearer ${ada.token}, Bearer ${foreign.token}` } }),
  ],
  ['S1.51 the token in the query', () => ({ query: `?access_token=${ada.token}` })],
  ['S1.52 the token in a cookie', () => ({ headers: { cookie: `access_token=${ada.token}` } })],
  ['S1.53 the scheme Basic', () => ({ headers: { authorization: `Basic ${ada.token}` } })],
  ['S1.54 no scheme', () => ({ headers: { authorization: ada.token } })],
  ['S1.55 the scheme alone', () => ({ headers: { authorization: 'Bearer' } })],
  ['S1.56 the token in X-Access-Token', () => ({ headers: { 'x-access-token': ada.token } })],
  ['S1.57 the admin key as a token', () => ({ token: place.adminKey })],
];

/** A writing route, so that being let in would show in the registry. */
const rename = (sent: Sent & { query?: string }) =>
  place.send('PATCH', `/api/me${sent.query ?? ''}`, { ...sent, body: { name: 'Mallory' } });

const notAuthenticated = {
  type: 'http://localhost:3001/docs/errors#not_authenticated',
  title: 'Not authenticated',
  status: 401,
  detail: 'A valid access token is needed: Authorization: Bearer <access token>.',
  instance: '/api/me',
  success: false,
  code: 'not_authenticated',
  request_id: expect.any(String),
};

async function expectRefused(sent: Sent & { query?: string }): Promise<void> {
  const before = await place.state();
  const answer = await rename(sent);
  expect(answer.json()).toEqual(notAuthenticated);
  expect(answer.statusCode).toBe(401);
  expect(answer.headers).toMatchObject({
    'content-type': problemType,
    'www-authenticate': 'Bearer realm="tenant-manager"',
    'cache-control': 'no-store',
  });
  expect(await place.state()).toEqual(before);
}

describe('an access token', () => {
  it('S1.00 that is good is let in, as issued and as these tests sign it', async () => {
    for (const token of [ada.token, await made({}), raw({})]) {
      expect((await place.send('GET', '/api/me', { token })).statusCode).toBe(200);
    }
  });

  it.each(forgeries)('%s', async (_name, make) => expectRefused({ token: await make() }));

  it.each(carriages)('%s', async (_name, carry) => expectRefused(carry()));
});

type Ending = [string, (member: Person) => Promise<unknown>];
const asAda = (member: Person, body: object) =>
  place.send('PATCH', `/api/tenant/users/${member.userId}`, { token: ada.token, body });

const endings: Ending[] = [
  ['S1.58 after logout', ({ token }) => place.send('POST', '/api/auth/logout', { token })],
  [
    'S1.59 after logout from everywhere, in another session',
    async ({ email }) => {
      const { token } = await place.logIn(email);
      return place.send('POST', '/api/auth/logout', { token, body: { all: true } });
    },
  ],
  [
    'S1.60 after a change of the password, in another session',
    async ({ email }) => {
      const { token } = await place.logIn(email);
      const body = { current_password: goodPassword, new_password: 'another horse 8 battery' };
      return place.send('POST', '/api/me/change-password', { token, body });
    },
  ],
  ['S1.61 after a change of the role', (member) => asAda(member, { role: 'ADMIN' })],
  [
    'S1.62 of a member who was removed',
    ({ userId }) => place.send('DELETE', `/api/tenant/users/${userId}`, { token: ada.token }),
  ],
  [
    'S1.63 of a session that the person ended elsewhere',
    async ({ email }) => {
      const { token } = await place.logIn(email);
      return place.send('DELETE', '/api/me/sessions', { token });
    },
  ],
];

describe('an access token that was good', () => {
  it.each(endings)('%s', async (_name, end) => {
    const member = await place.addMember(ada, 'USER');
    expect((await place.send('GET', '/api/me', { token: member.token })).statusCode).toBe(200);
    const ended = (await end(member)) as { statusCode: number };
    expect(ended.statusCode).toBeLessThan(300);
    await expectRefused({ token: member.token });
    await place.send('DELETE', `/api/tenant/users/${member.userId}`, { token: ada.token });
  });

  it('S1.64 of a suspended organization reads and writes nothing of it', async () => {
    const { token, tenantId } = await place.register('Suspended soon');
    const suspended = await place.send('POST', `/api/admin/tenants/${tenantId}/suspend`, {
      key: place.adminKey,
    });
    expect(suspended.statusCode).toBe(200);
    const before = await place.state();
    const change = await place.send('PATCH', '/api/tenant', { token, body: { name: 'Mallory' } });
    const rows = await place.send('GET', '/api/data/companies', { token });
    expect([change.statusCode, rows.statusCode]).toEqual([409, 409]);
    expect([change.json().code, rows.json().code]).toEqual(['tenant_suspended', 'tenant_suspended']);
    expect(await place.state()).toEqual(before);
  });
});
