import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { errors } from '../errors/catalogue.ts';
import type { MasterSeal } from '../registry/master-seal.ts';
import type { Messages } from '../registry/messages.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import {
  claimIdempotencyKey,
  findIdempotencyKey,
  type IdempotencyClaim,
  releaseIdempotencyKey,
  renewIdempotencyLease,
  storeIdempotentAnswer,
} from '../registry/repositories/idempotency-keys.ts';
import { createAnswerBells } from './answer-bells.ts';

export type { IdempotencyClaim };

export type IdempotencyNeeds = {
  registry: RegistryDatabase;
  messages: Pick<Messages, 'on'>;
  masterSeal: Pick<MasterSeal, 'hmac' | 'sealText' | 'unsealText'>;
  times?: IdempotencyTimes;
};

export type IdempotencyTimes = {
  /** How long a request that died keeps its twins waiting. */
  leaseMs: number;
  /** How long a twin waits for the first request's answer. */
  waitMs: number;
  /** How often a twin looks by itself, as messages may be lost. */
  lookEveryMs: number;
};

const usualTimes: IdempotencyTimes = { leaseMs: 5_000, waitMs: 25_000, lookEveryMs: 500 };
const keepMs = 24 * 3_600_000;

const storedAnswer = z.object({
  status: z.number().int(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});
export type StoredAnswer = z.infer<typeof storedAnswer>;

/** A request that carries a key: whose key it is, and what was asked for. */
export type KeyedRequest = { scope: string; key: string; content: string };

export type Beginning =
  | { kind: 'first'; claim: IdempotencyClaim }
  | { kind: 'answered'; answer: StoredAnswer };

/**
 * One answer for all requests with the same key. Whoever claims the key answers; its lease is renewed as long
 * as it is at work. A twin waits for the answer, or takes over when the lease runs out.
 */
export function createIdempotentAnswers(needs: IdempotencyNeeds) {
  const { registry, masterSeal, times = usualTimes } = needs;
  const bells = createAnswerBells(needs.messages);

  const place = ({ scope, key }: Pick<IdempotencyClaim, 'scope' | 'key'>) => ({
    owner: `${scope} ${key}`,
    column: 'sealed_answer',
  });
  const unseal = (sealed: string, request: KeyedRequest) =>
    storedAnswer.parse(JSON.parse(masterSeal.unsealText(sealed, place(request))));

  async function claim({ scope, key }: KeyedRequest, requestHmac: Buffer) {
    const claimed = { scope, key, owner: randomUUID() };
    const isMine = await claimIdempotencyKey(registry, {
      ...claimed,
      requestHmac,
      leaseMs: times.leaseMs,
      keepMs,
    });
    return isMine ? claimed : undefined;
  }

  /** What there is now: the right to answer, the answer, or neither as the first request is still at it. */
  async function look(request: KeyedRequest, requestHmac: Buffer): Promise<Beginning | undefined> {
    const found = await findIdempotencyKey(registry, request);
    if (found === undefined || found.isExpired || found.isAbandoned) {
      const mine = await claim(request, requestHmac);
      if (mine !== undefined) return { kind: 'first', claim: mine };
    }
    if (found === undefined || found.isExpired) return undefined;
    if (!found.requestHmac.equals(requestHmac)) throw errors.idempotencyKeyReused();
    if (found.sealedAnswer === null) return undefined;
    return { kind: 'answered', answer: unseal(found.sealedAnswer, request) };
  }

  /**
   * @param signal ends the waiting when the caller has gone away.
   * @throws idempotency_key_reused, idempotency_in_progress
   */
  async function begin(request: KeyedRequest, signal: AbortSignal): Promise<Beginning> {
    const requestHmac = masterSeal.hmac(request.content);
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(times.waitMs)]);
    const bell = bells.listen(request);
    try {
      for (;;) {
        const beginning = await look(request, requestHmac);
        if (beginning !== undefined) return beginning;
        if (deadline.aborted) throw errors.idempotencyInProgress();
        await bell.wait(times.lookEveryMs, deadline);
      }
    } finally {
      bell.stop();
    }
  }

  return {
    begin,

    /** Renews the lease until the returned function is called. */
    keepLease(mine: IdempotencyClaim): () => void {
      const timer = setInterval(() => {
        // A lease that cannot be renewed runs out, and that is what it is for.
        renewIdempotencyLease(registry, mine, times.leaseMs).catch(() => undefined);
      }, times.leaseMs / 3);
      return () => clearInterval(timer);
    },

    /** @returns false when a twin has taken over. */
    store: (mine: IdempotencyClaim, answer: StoredAnswer) =>
      storeIdempotentAnswer(registry, mine, masterSeal.sealText(JSON.stringify(answer), place(mine))),

    release: (mine: IdempotencyClaim) => releaseIdempotencyKey(registry, mine),
    stop: bells.stop,
  };
}

export type IdempotentAnswers = ReturnType<typeof createIdempotentAnswers>;
