import { argon2id, hash, needsRehash, verify } from 'argon2';
import pLimit from 'p-limit';
import { errors } from '../errors/catalogue.ts';

/** The least that OWASP asks for: 19 MiB, two passes, one lane. */
const parameters = { type: argon2id, memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 } as const;

/** Each hash occupies a thread of libuv's four for about 30 ms; the rest of the process needs one, too. */
const defaultAtOnce = 3;
/** A burst of 500 registrations is let in; who comes later is told to come back. */
const defaultMaxWaiting = 600;
/** Nobody is kept longer, however slow the machine is: as long as a caller may ask to wait. */
const defaultMaxWaitMs = 25_000;

export type Argon2Options = { atOnce?: number; maxWaiting?: number; maxWaitMs?: number };

/** argon2id with bounded concurrency. @throws overloaded when too many wait already, or it would take too long. */
export function createArgon2Queue({
  atOnce = defaultAtOnce,
  maxWaiting = defaultMaxWaiting,
  maxWaitMs = defaultMaxWaitMs,
}: Argon2Options) {
  const limit = pLimit(atOnce);

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (limit.pendingCount >= maxWaiting) throw errors.overloaded();
    const waitsSince = performance.now();
    return limit(() => {
      if (performance.now() - waitsSince > maxWaitMs) throw errors.overloaded();
      return work();
    });
  }

  return {
    hash: async (text: string): Promise<string> => inTurn(() => hash(text, parameters)),
    verify: async (digest: string, text: string): Promise<boolean> => inTurn(() => verify(digest, text)),
    /** Whether the digest was made with other parameters than today's. */
    isOutdated: (digest: string): boolean => needsRehash(digest, parameters),
  };
}
