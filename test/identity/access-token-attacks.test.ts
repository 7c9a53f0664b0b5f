import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { EncryptJWT, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../../src/identity/identity.ts';
import { goodPassword, jwt, useIdentityBench } from './identity-bench.ts';

const bench = useIdentityBench();
let identity: Identity;
let good: { token: string; refreshToken: string; header: object; payload: JWTPayload };
let foreignTenantId: string;

beforeAll(async () => {
  identity = bench.identity();
  const { person } = await bench.makeMember('USER');
  foreignTenantId = (await bench.makeTenant()).id;
  const { accessToken, refreshToken } = await identity.login({ email: person.email, password: goodPassword });
  const [header, payload] = accessToken.split('.').slice(0, 2).map(decode);
  good = { token: accessToken, refreshToken, header: header ?? {}, payload: payload ?? {} };
});

const decode = (part: string): JWTPayload => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
const encode = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

type Forgery = { header?: object; payload?: object | string; secret?: string; hash?: string };

/** Signs whatever it is told to; with nothing told, a token that is good. */
function forge({ header = {}, payload = {}, secret = jwt.secret, hash = 'sha256' }: Forgery): string {
  const body = typeof payload === 'string' ? payload : { ...good.payload, ...payload };
  const signed = `${encode({ ...good.header, ...header })}.${encode(body)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

function unsigned(alg: string): string {
  return `${encode({ ...good.header, alg })}.${encode(good.payload)}.`;
}

function without(claim: string): string {
  const { [claim]: _removed, ...rest } = good.payload;
  return forge({ payload: JSON.stringify(rest) });
}

const seconds = () => Math.floor(Date.now() / 1_000);
const secretKey = () => new TextEncoder().encode(jwt.secret.padEnd(64, '.').slice(0, 32));

const attacks: [string, () => string | Promise<string>][] = [
  ['nothing', () => ''],
  ['no token', () => 'nonsense'],
  ['three empty parts', () => '..'],
  ['alg none', () => unsigned('none')],
  ['alg None', () => unsigned('None')],
  ['alg nOnE', () => unsigned('nOnE')],
  ['no signature', () => `${good.token.split('.').slice(0, 2).join('.')}.`],
  ['another secret', () => forge({ secret: 'another secret of the very same length, it is' })],
  ['the refresh secret', () => forge({ secret: jwt.refreshSecret })],
  ['HS512 with the same secret', () => forge({ header: { alg: 'HS512' }, hash: 'sha512' })],
  ['HS384 with the same secret', () => forge({ header: { alg: 'HS384' }, hash: 'sha384' })],
  ['HS256 in the header, HS512 in the signature', () => forge({ hash: 'sha512' })],
  ['RS256 by a key of its own', () => asymmetric('RS256')],
  ['EdDSA by a key of its own', () => asymmetric('EdDSA')],
  ['an embedded key', () => forge({ header: { jwk: { kty: 'oct', k: encode('mine') } }, secret: 'mine' })],
  ['a key at an address', () => forge({ header: { jku: 'https://evil.example/jwks' }, secret: 'mine' })],
  ['a certificate', () => forge({ header: { x5u: 'https://evil.example/x5u' }, secret: 'mine' })],
  ['a kid that is a path', () => forge({ header: { kid: '../../../dev/null' }, secret: '' })],
  ['a kid that is SQL', () => forge({ header: { kid: "' UNION SELECT 'mine" }, secret: 'mine' })],
  ['an unknown critical header', () => forge({ header: { crit: ['own'], own: true } })],
  ['an unencoded payload', () => forge({ header: { crit: ['b64'], b64: false } })],
  ['no typ', () => forge({ header: { typ: undefined } })],
  ['typ JWT', () => forge({ header: { typ: 'JWT' } })],
  ['typ of an id token', () => forge({ header: { typ: 'id_token' } })],
  ['typ of a refresh token', () => forge({ header: { typ: 'rt+jwt' } })],
  ...['iss', 'aud', 'client_id', 'sub', 'tenant_id', 'tenant_key', 'role', 'sid', 'iat', 'exp', 'jti'].map(
    (claim): [string, () => string] => [`no ${claim}`, () => without(claim)],
  ),
  ['another iss', () => forge({ payload: { iss: 'http://localhost:3002' } })],
  ['another aud', () => forge({ payload: { aud: 'other' } })],
  ['a list of other aud', () => forge({ payload: { aud: ['other', 'another'] } })],
  ['another client', () => forge({ payload: { client_id: 'other' } })],
  ['nbf in the future', () => forge({ payload: { nbf: seconds() + 3_600 } })],
  ['iat in the future', () => forge({ payload: { iat: seconds() + 3_600, exp: seconds() + 7_200 } })],
  ['exp 61 seconds ago', () => forge({ payload: { exp: seconds() - 61 } })],
  ['exp as text', () => forge({ payload: { exp: String(seconds() + 60) } })],
  ['a huge exp, long after it was issued', () => forge({ payload: { iat: seconds() - 7_200, exp: 1e15 } })],
  [
    'exp Infinity',
    () => forge({ payload: JSON.stringify(good.payload).replace(/"exp":\d+/, '"exp":1e999') }),
  ],
  ['exp twice, the last one over', () => twice('exp', 1)],
  ['the tenant swapped', () => forge({ payload: { tenant_id: foreignTenantId } })],
  ['the tenant swapped, the signature kept', () => tampered({ tenant_id: foreignTenantId })],
  ['the tenant given twice', () => twice('tenant_id', foreignTenantId)],
  ['no tenant', () => forge({ payload: { tenant_id: null, tenant_key: null } })],
  ['a higher role', () => forge({ payload: { role: 'ADMIN' } })],
  ['a higher role, the signature kept', () => tampered({ role: 'ADMIN' })],
  ['the highest role', () => forge({ payload: { role: 'SUPER_ADMIN', tenant_id: null, tenant_key: null } })],
  ['an unknown role', () => forge({ payload: { role: 'ROOT' } })],
  ['a list of roles', () => forge({ payload: { role: ['USER', 'ADMIN'] } })],
  ['another person', () => forge({ payload: { sub: randomUUID() } })],
  ['a person that is no id', () => forge({ payload: { sub: "' OR 1=1 --" } })],
  ['an unknown session', () => forge({ payload: { sid: randomUUID() } })],
  ['a session that is no id', () => forge({ payload: { sid: '%' } })],
  ['a payload that is no object', () => forge({ payload: '[]' })],
  ['a payload that is no JSON', () => forge({ payload: '{' })],
  ['a refresh token', () => good.refreshToken],
  ['64 kB', () => forge({ payload: { padding: 'x'.repeat(65_536) } })],
  ['a nested token', () => forge({ header: { cty: 'JWT' }, payload: good.token })],
  [
    'an encrypted token',
    () =>
      new EncryptJWT(good.payload)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: 'at+jwt' })
        .encrypt(secretKey()),
  ],
];

function tampered(change: object): string {
  const [header, , signature] = good.token.split('.');
  return `${header}.${encode({ ...good.payload, ...change })}.${signature}`;
}

function twice(claim: string, value: unknown): string {
  const rest = JSON.stringify(good.payload).slice(1);
  return forge({ payload: `{${rest.slice(0, -1)},${JSON.stringify(claim)}:${JSON.stringify(value)}}` });
}

function asymmetric(alg: 'RS256' | 'EdDSA'): Promise<string> {
  const { privateKey } =
    alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2_048 }) : generateKeyPairSync('ed25519');
  return new SignJWT(good.payload).setProtectedHeader({ ...good.header, alg }).sign(privateKey);
}

describe('an access token', () => {
  it('is good as it was issued, and as the tests would sign it', async () => {
    const claims = { userId: good.payload.sub, role: 'USER' };
    expect(await identity.verifyAccessToken(good.token)).toMatchObject(claims);
    expect(await identity.verifyAccessToken(forge({}))).toMatchObject(claims);
  });

  it('has the type and the claims of RFC 9068, and its life', () => {
    expect(good.header).toEqual({ alg: 'HS256', typ: 'at+jwt' });
    expect(good.payload).toMatchObject({ iss: jwt.issuer, aud: jwt.audience, client_id: 'tenant-manager' });
    expect((good.payload.exp ?? 0) - (good.payload.iat ?? 0)).toBe(3_600);
  });

  it.each(attacks)('is refused with %s', async (_what, make) => {
    const refusal = await identity.verifyAccessToken(await make()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'not_authenticated', status: 401 });
  });

  it('ends with its time', async () => {
    const later = bench.identity({ now: () => new Date(Date.now() + 3_600_000 + 6_000) });
    await expect(later.verifyAccessToken(good.token)).rejects.toMatchObject({ code: 'not_authenticated' });
    const nearly = bench.identity({ now: () => new Date(Date.now() + 3_500_000) });
    await expect(nearly.verifyAccessToken(good.token)).resolves.toMatchObject({ role: 'USER' });
  });
});
