import { createHash } from 'node:crypto';
import type { Tallies, Tally } from '../cache/tally.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { normalizeEmail } from './email.ts';

export type LockoutReason = 'login_pair' | 'login_account' | 'login_address';

export type LoginLockoutNeeds = {
  openTallies: (name: string, windowMs: number) => Tallies;
  onLimited: (reason: LockoutReason) => void;
};

const windowMs = 15 * 60_000;
const rememberMs = 30 * 86_400_000;

/** Wrong passwords within the window: of an account from one address, from all, and from one address of all. */
const mostFailures: Record<LockoutReason, number> = {
  login_pair: 10,
  login_account: 100,
  login_address: 100,
};

export type Guesser = { email: string; address: string };

/**
 * Bounds guessing. A login is counted before its password is looked at, so that many at once count as many, and
 * taken back when the password was right. Whoever is refused prolongs nothing. From an address at which the account
 * has logged in within 30 days, guesses from elsewhere are not counted against it: nobody can lock its owner out.
 */
export function createLoginLockout({ openTallies, onLimited }: LoginLockoutNeeds) {
  const known = openTallies('login-known', rememberMs);
  const tallies: Record<LockoutReason, Tallies> = {
    login_pair: openTallies('login-pair', windowMs),
    login_account: openTallies('login-account', windowMs),
    login_address: openTallies('login-address', windowMs),
  };

  type Counted = { reason: LockoutReason; key: string };

  async function toCount(account: string, address: string): Promise<Counted[]> {
    const pair = `${account}@${address}`;
    const isKnown = (await known.read(pair)).count > 0;
    const counted: Counted[] = [
      { reason: 'login_pair', key: pair },
      { reason: 'login_address', key: address },
    ];
    return isKnown ? counted : [...counted, { reason: 'login_account', key: account }];
  }

  function judge(reason: LockoutReason, { count, resetMs }: Tally): void {
    if (count <= mostFailures[reason]) return;
    onLimited(reason);
    throw errors.tooManyAttempts().after(Math.ceil(resetMs / 1_000));
  }

  async function settle(counted: readonly Counted[], pair: string): Promise<void> {
    await Promise.all(counted.map(({ reason, key }) => tallies[reason].takeBack(key)));
    await Promise.all([tallies.login_pair.clear(pair), known.clear(pair)]);
    // Begins the 30 days anew.
    await known.add(pair);
  }

  return {
    /** @throws too_many_attempts, whatever the login throws. */
    async guard<Result>({ email, address }: Guesser, login: () => Promise<Result>): Promise<Result> {
      const account = digest(normalizeEmail(email));
      const counted = await toCount(account, address);
      const counts = await Promise.all(counted.map(({ reason, key }) => tallies[reason].add(key)));
      for (const [at, { reason }] of counted.entries()) {
        const tally = counts[at];
        if (tally !== undefined) judge(reason, tally);
      }
      try {
        const result = await login();
        await settle(counted, `${account}@${address}`);
        return result;
      } catch (error) {
        // Only a wrong password is a guess; a choice of tenants, say, is asked for after a right one.
        if (!isWrong(error)) {
          await Promise.all(counted.map(({ reason, key }) => tallies[reason].takeBack(key)));
        }
        throw error;
      }
    },
  };
}

export type LoginLockout = ReturnType<typeof createLoginLockout>;

function isWrong(error: unknown): boolean {
  return error instanceof AppError && error.code === errors.invalidCredentials.definition.code;
}

/** Addresses of people are not written into a cache. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
