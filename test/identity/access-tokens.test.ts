import { expect, test } from 'vitest';
import { createAccessTokens } from '../../src/identity/access-tokens.ts';

const claims = {
  userId: '0b7a4a0e-5d1c-4d6e-8a51-6a2c7f6f0001',
  tenantId: '0b7a4a0e-5d1c-4d6e-8a51-6a2c7f6f0002',
  tenantKey: 'acme',
  role: 'USER',
  sessionId: '0b7a4a0e-5d1c-4d6e-8a51-6a2c7f6f0003',
} as const;

/** With a clock that the test sets. */
function tokensAt(start: number) {
  const clock = { at: start };
  const tokens = createAccessTokens({
    secret: 'a secret of this test, long enough for HS256',
    issuer: 'here',
    audience: 'us',
    lifeMs: 60_000,
    now: () => new Date(clock.at),
  });
  return { clock, tokens };
}

test('a token that was read before is read again, and no longer than it lives', async () => {
  const { clock, tokens } = tokensAt(Date.UTC(2026, 0, 1));
  const token = await tokens.sign(claims);
  expect(await tokens.read(token)).toEqual(claims);
  clock.at += 59_000;
  expect(await tokens.read(token)).toEqual(claims);
  clock.at += 10_000;
  await expect(tokens.read(token)).rejects.toMatchObject({ code: 'not_authenticated' });
});

test('a token that was read before is not read when the clock says that it is not signed yet', async () => {
  const { clock, tokens } = tokensAt(Date.UTC(2026, 0, 1));
  const token = await tokens.sign(claims);
  expect(await tokens.read(token)).toEqual(claims);
  clock.at -= 3_600_000;
  await expect(tokens.read(token)).rejects.toMatchObject({ code: 'not_authenticated' });
});

test('a token that differs from one read before in one letter is refused', async () => {
  const { tokens } = tokensAt(Date.UTC(2026, 0, 1));
  const token = await tokens.sign(claims);
  await tokens.read(token);
  const other = `${token.slice(0, -9)}${token.at(-9) === 'A' ? 'B' : 'A'}${token.slice(-8)}`;
  await expect(tokens.read(other)).rejects.toMatchObject({ code: 'not_authenticated' });
});

test('nobody changes what a token said', async () => {
  const { tokens } = tokensAt(Date.UTC(2026, 0, 1));
  const token = await tokens.sign(claims);
  const read = await tokens.read(token);
  expect(() => Object.assign(read, { tenantId: 'another' })).toThrow(TypeError);
  expect(await tokens.read(token)).toEqual(claims);
});
