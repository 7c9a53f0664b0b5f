import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdminKey } from '../../src/http/admin-key.ts';
import {
  openSecurityPlace,
  type Person,
  problemType,
  type SecurityPlace,
  type Sent,
} from './security-place.ts';

let place: SecurityPlace;
let tenant: Person;
let superToken: string;

beforeAll(async () => {
  place = await openSecurityPlace();
  tenant = await place.register('Guarded by a key');
  superToken = (await place.superAdmin()).token;
});
afterAll(() => place.stop());

const key = () => place.adminKey;
const header = (value: string | string[], name = 'x-admin-key'): Sent => ({ headers: { [name]: value } });
const rotated = 'the key that was in force before the last rotation 0123456789';

type Case = [string, () => Sent & { query?: string }, string];
const refused: Case[] = [
  ['S2.01 no key', () => ({}), 'invalid_admin_key'],
  ['S2.02 a wrong key', () => header('x'.repeat(key().length)), 'invalid_admin_key'],
  ['S2.03 a prefix', () => header(key().slice(0, -1)), 'invalid_admin_key'],
  ['S2.04 something added', () => header(`${key()}0`), 'invalid_admin_key'],
  ['S2.05 nothing', () => header(''), 'invalid_admin_key'],
  ['S2.06 the header twice', () => header([key(), key()]), 'not_authenticated'],
  ['S2.07 the header twice, a wrong one first', () => header(['wrong', key()]), 'not_authenticated'],
  [
    'S2.08 both headers, one of them wrong',
    () => ({ headers: { 'x-admin-key': key(), 'x-admin-api-key': 'wrong' } }),
    'invalid_admin_key',
  ],
  ['S2.09 a space before it', () => header(` ${key()}`), 'invalid_admin_key'],
  ['S2.10 a space after it', () => header(`${key()} `), 'invalid_admin_key'],
  ['S2.11 a NUL after it', () => header(`${key()}\0`), 'invalid_admin_key'],
  ['S2.12 a letter that only looks alike', () => header(key().replace('a', 'а')), 'invalid_admin_key'],
  ['S2.13 in capitals', () => header(key().toUpperCase()), 'invalid_admin_key'],
  ['S2.14 in quotes', () => header(`"${key()}"`), 'invalid_admin_key'],
  ['S2.15 in base64', () => header(Buffer.from(key()).toString('base64')), 'invalid_admin_key'],
  ['S2.16 in the query', () => ({ query: `?x-admin-key=${key()}&admin_key=${key()}` }), 'invalid_admin_key'],
  ['S2.17 in the body', () => ({ body: { admin_key: key() } }), 'invalid_admin_key'],
  ['S2.18 in a cookie', () => ({ headers: { cookie: `x-admin-key=${key()}` } }), 'invalid_admin_key'],
  [
    'S2.19 by the scheme Basic',
    () => ({ headers: { authorization: `Basic ${Buffer.from(`admin:${key()}`).toString('base64')}` } }),
    'not_authenticated',
  ],
  ['S2.20 an old key after a rotation', () => header(rotated), 'invalid_admin_key'],
  [
    'S2.21 with the token of a tenant beside it',
    () => ({ key: key(), token: tenant.token }),
    'invalid_admin_key',
  ],
  [
    'S2.22 with the token of an operator beside it',
    () => ({ key: key(), token: superToken }),
    'invalid_admin_key',
  ],
  ['S2.23 the JWT secret', () => header(place.config.JWT_SECRET), 'invalid_admin_key'],
  ['S2.24 the master key', () => header(place.config.MASTER_ENCRYPTION_KEY), 'invalid_admin_key'],
];

describe('an operation of the admin API', () => {
  it.each(refused)('%s is refused, and nothing changes', async (_name, make, code) => {
    const before = await place.state();
    const sent = make();
    const answer = await place.send(
      'POST',
      `/api/admin/tenants/${tenant.tenantId}/suspend${sent.query ?? ''}`,
      sent,
    );
    expect([answer.statusCode, answer.json().code, answer.headers['content-type']]).toEqual([
      401,
      code,
      problemType,
    ]);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="tenant-manager"');
    expect(answer.body).not.toContain(key());
    expect(await place.state()).toEqual(before);
  });

  it('S2.25 tells a stranger no difference between a tenant that is and one that is not', async () => {
    const ask = async (id: string) => {
      const {
        request_id: _id,
        instance: _instance,
        ...rest
      } = (await place.send('GET', `/api/admin/tenants/${id}`)).json();
      return rest;
    };
    expect(await ask(tenant.tenantId)).toEqual(await ask('00000000-0000-4000-8000-000000000000'));
  });

  it('S2.26 is let in by the key, by its other header, as a bearer, and by an operator', async () => {
    const ways: Sent[] = [
      { key: key() },
      header(key(), 'x-admin-api-key'),
      { token: key() },
      { token: superToken },
    ];
    for (const way of ways) expect((await place.send('GET', '/api/admin/stats', way)).statusCode).toBe(200);
  });

  it('S2.27 leaves no key in the log', () => {
    const log = place.lines.join('');
    expect(log.length).toBeGreaterThan(0);
    expect(log).not.toContain(key());
    expect(log).not.toContain(rotated);
  });
});

type Guess = (text: string) => Promise<void>;

/** Medians of turns, so that a pause of the machine weighs on neither side. */
async function ratioOfTimes(guess: Guess, guesses: readonly [string, string]): Promise<number> {
  const times: [number[], number[]] = [[], []];
  for (let turn = 0; turn < 600; turn += 1) {
    for (const side of [0, 1] as const) {
      const began = process.hrtime.bigint();
      for (let count = 0; count < 50; count += 1) await guess(guesses[side]);
      times[side].push(Number(process.hrtime.bigint() - began));
    }
  }
  const [first = 0, second = 0] = times.map((list) => list.sort((a, b) => a - b)[list.length / 2]);
  return Math.max(first, second) / Math.min(first, second);
}

describe('a comparison of keys', () => {
  it('S2.28 takes as long for a guess that is nearly right as for one that is wholly wrong', async () => {
    const right = 'k'.repeat(64);
    const { check } = createAdminKey(right);
    let refusals = 0;
    const guess: Guess = async (text) => {
      try {
        await check([text]);
      } catch {
        refusals += 1;
      }
    };
    const ratio = await ratioOfTimes(guess, [`x${right.slice(1)}`, `${right.slice(1)}x`]);
    expect(refusals).toBe(60_000);
    expect(ratio).toBeLessThan(1.1);
  });
});
