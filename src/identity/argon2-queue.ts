import { availableParallelism } from 'node:os';
import { argon2id, hash, needsRehash, verify } from 'argon2';
import pLimit from 'p-limit';
import { errors } from '../errors/catalogue.ts';

/** The least that OWASP asks for: 19 MiB, two passes, one lane. */
const parameters = { type: argon2id, memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 } as const;

/**
 * Each hash occupies a core and one of libuv's four threads for about 30 ms; a burst of them must leave a core to
 * everybody else's requests.
 */
const defaultAtOnce = Math.max(1, Math.min(2, availableParallelism() - 1));
/** A burst of 500 registrations is let in, and waits for 9 to 18 s; who comes later is told to come back. */
const defaultMaxWaiting = 600;

export type Argon2Options = { atOnce?: number; maxWaiting?: number };

/** argon2id with bounded concurrency. @throws overloaded when too many wait already. */
export function createArgon2Queue({ atOnce = defaultAtOnce, maxWaiting = defaultMaxWaiting }: Argon2Options) {
  const limit = pLimit(atOnce);

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (limit.pendingCount >= maxWaiting) throw errors.overloaded();
    return limit(work);
  }

  return {
    hash: async (text: string): Promise<string> => inTurn(() => hash(text, parameters)),
    verify: async (digest: string, text: string): Promise<boolean> => inTurn(() => verify(digest, text)),
    /** Whether the digest was made with other parameters than today's. */
    isOutdated: (digest: string): boolean => needsRehash(digest, parameters),
  };
}
