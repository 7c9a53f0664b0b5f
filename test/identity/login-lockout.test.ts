import { expect, test, vi } from 'vitest';
import { createLocalTallies } from '../../src/cache/local-tallies.ts';
import { errors } from '../../src/errors/catalogue.ts';
import { createLoginLockout } from '../../src/identity/login-lockout.ts';

function open() {
  const limited: string[] = [];
  const lockout = createLoginLockout({
    openTallies: (_name, windowMs) => createLocalTallies(windowMs),
    onLimited: (reason) => limited.push(reason),
  });
  const attempt = (guesser: { email: string; address: string }, login: () => Promise<string>) =>
    lockout.guard(guesser, login).catch((error: { code: string; retryAfterSeconds?: number }) => error.code);
  return {
    limited,
    guess: (email: string, address: string) =>
      attempt({ email, address }, async () => {
        throw errors.invalidCredentials();
      }),
    logIn: (email: string, address: string) => attempt({ email, address }, async () => 'in'),
    attempt,
  };
}

async function times<Result>(count: number, work: (at: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < count; at += 1) results.push(await work(at));
  return results;
}

test('the eleventh guess of an account from one address is not looked at, nor is the right password then', async () => {
  const { guess, logIn, limited } = open();
  expect(new Set(await times(10, () => guess('a@x.example', '1')))).toEqual(new Set(['invalid_credentials']));
  expect(await guess('A@X.example', '1')).toBe('too_many_attempts');
  expect(await logIn('a@x.example', '1')).toBe('too_many_attempts');
  expect(limited).toEqual(['login_pair', 'login_pair']);
  expect(await logIn('a@x.example', '2')).toBe('in');
  expect(await logIn('b@x.example', '1')).toBe('in');
});

test('fifty guesses at once count as fifty', async () => {
  const { guess } = open();
  const answers = await Promise.all(Array.from({ length: 50 }, () => guess('a@x.example', '1')));
  expect(answers.filter((answer) => answer === 'invalid_credentials')).toHaveLength(10);
  expect(answers.filter((answer) => answer === 'too_many_attempts')).toHaveLength(40);
});

test('an unknown account is treated like a known one', async () => {
  const { guess } = open();
  const known = await times(12, () => guess('known@x.example', '1'));
  expect(await times(12, () => guess('nobody@x.example', '2'))).toEqual(known);
});

test('a right password begins anew', async () => {
  const { guess, logIn } = open();
  await times(9, () => guess('a@x.example', '1'));
  expect(await logIn('a@x.example', '1')).toBe('in');
  await times(9, () => guess('a@x.example', '1'));
  expect(await logIn('a@x.example', '1')).toBe('in');
});

test('a thousand addresses do not guess one account a thousand times, and do not lock its owner out', async () => {
  const { guess, logIn } = open();
  expect(await logIn('owner@x.example', 'home')).toBe('in');
  const answers = await times(1_000, (at) => guess('owner@x.example', `attacker ${at}`));
  expect(answers.filter((answer) => answer === 'invalid_credentials')).toHaveLength(100);
  expect(await logIn('owner@x.example', 'home')).toBe('in');
  expect(await logIn('owner@x.example', 'on a journey')).toBe('too_many_attempts');
});

test('one address does not try a thousand accounts', async () => {
  const { guess, logIn, limited } = open();
  const answers = await times(1_000, (at) => guess(`person${at}@x.example`, 'attacker'));
  expect(answers.filter((answer) => answer === 'invalid_credentials')).toHaveLength(100);
  expect(new Set(limited)).toEqual(new Set(['login_address']));
  expect(await logIn('person1@x.example', 'home')).toBe('in');
});

test('what is not a wrong password is no guess', async () => {
  const { attempt, logIn } = open();
  const guesser = { email: 'a@x.example', address: '1' };
  const choices = await times(30, () =>
    attempt(guesser, async () => {
      throw errors.tenantChoiceRequired();
    }),
  );
  expect(new Set(choices)).toEqual(new Set(['tenant_choice_required']));
  expect(await logIn('a@x.example', '1')).toBe('in');
});

test('it is over after a quarter of an hour, however often it was tried meanwhile', async () => {
  vi.useFakeTimers();
  try {
    const { guess, logIn } = open();
    await times(10, () => guess('a@x.example', '1'));
    for (let minute = 1; minute < 15; minute += 1) {
      vi.advanceTimersByTime(60_000);
      expect(await guess('a@x.example', '1')).toBe('too_many_attempts');
    }
    vi.advanceTimersByTime(60_000);
    expect(await logIn('a@x.example', '1')).toBe('in');
  } finally {
    vi.useRealTimers();
  }
});

test('an address stays known for 30 days after the last login there', async () => {
  vi.useFakeTimers();
  try {
    const { guess, logIn } = open();
    await logIn('owner@x.example', 'home');
    vi.advanceTimersByTime(29 * 86_400_000);
    await logIn('owner@x.example', 'home');
    vi.advanceTimersByTime(29 * 86_400_000);
    await times(101, (at) => guess('owner@x.example', `attacker ${at}`));
    expect(await logIn('owner@x.example', 'home')).toBe('in');
    vi.advanceTimersByTime(31 * 86_400_000);
    await times(101, (at) => guess('owner@x.example', `attacker ${at}`));
    expect(await logIn('owner@x.example', 'home')).toBe('too_many_attempts');
  } finally {
    vi.useRealTimers();
  }
});
