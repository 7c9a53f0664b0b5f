import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '../../errors/catalogue.ts';
import type { Caller } from '../caller.ts';
import {
  createIdempotentAnswers,
  type IdempotencyClaim,
  type IdempotencyNeeds,
  type IdempotentAnswers,
  type KeyedRequest,
  type StoredAnswer,
} from '../idempotent-answers.ts';
import { goneAway } from './closing-signal.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set while this request is the one that answers for its Idempotency-Key. */
    idempotency: IdempotencyClaim | undefined;
  }

  interface FastifyContextConfig {
    /** The route makes something: Idempotency-Key is obeyed. */
    idempotent?: true;
  }
}

const keptHeaders = ['content-type', 'location', 'preference-applied', 'retry-after'] as const;

type Work = { request: KeyedRequest; claim: IdempotencyClaim; stopRenewing: () => void };

/**
 * `Idempotency-Key` on routes with `config.idempotent`. As with Stripe, what the handler answered is kept, 4xx
 * included; what was refused before it (access, validation), 408, 429 and 5xx are not, so that a retry may
 * succeed.
 */
export function obeyIdempotencyKeys(app: FastifyInstance, needs: IdempotencyNeeds): void {
  const answers = createIdempotentAnswers(needs);
  const works = new WeakMap<FastifyRequest, Work>();
  app.addHook('onClose', async () => answers.stop());
  app.decorateRequest('idempotency');

  app.addHook('preHandler', async (request, reply) => {
    const keyed = keyedRequest(request);
    if (keyed === undefined) return;
    const beginning = await answers.begin(keyed, goneAway(reply));
    if (beginning.kind === 'answered') return replay(reply, beginning.answer);
    request.idempotency = beginning.claim;
    const stopRenewing = answers.keepLease(beginning.claim);
    works.set(request, { request: keyed, claim: beginning.claim, stopRenewing });
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const work = works.get(request);
    if (work === undefined) return payload;
    // First, as an error from here on comes through this hook once more.
    works.delete(request);
    work.stopRenewing();
    return settle({ answers, work, reply }, payload);
  });
}

type Settling = { answers: IdempotentAnswers; work: Work; reply: FastifyReply };

/** Keeps the answer, or gives the key back. @returns the body to send. */
async function settle({ answers, work, reply }: Settling, payload: unknown): Promise<unknown> {
  const status = reply.statusCode;
  const isFenced = status === errors.fenced.definition.status && hasCode(payload, 'fenced');
  if (status >= 500 || status === 408 || status === 429) {
    await answers.release(work.claim);
    return payload;
  }
  const answer = { status, headers: headersOf(reply), body: typeof payload === 'string' ? payload : '' };
  if (!isFenced && (await answers.store(work.claim, answer))) return payload;
  // A twin has taken over: there is one answer, and it is the twin's.
  const beginning = await answers.begin(work.request, goneAway(reply));
  if (beginning.kind === 'answered') {
    setAnswer(reply, beginning.answer);
    return beginning.answer.body;
  }
  await answers.release(beginning.claim);
  return payload;
}

function hasCode(payload: unknown, code: string): boolean {
  return typeof payload === 'string' && payload.includes(`"code":"${code}"`);
}

/** @throws invalid_request when there is a key that cannot be one. */
function keyedRequest(request: FastifyRequest): KeyedRequest | undefined {
  const { config, url } = request.routeOptions;
  const key = request.headers['idempotency-key'];
  if (config.idempotent !== true || key === undefined) return undefined;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    const message = 'must be 1 to 255 visible ASCII characters, sent once';
    throw errors.invalidRequest([{ path: 'Idempotency-Key', message }]);
  }
  const path = request.url.split('?', 1)[0];
  return {
    scope: scopeOf(request.caller, `${request.method} ${url}`),
    key,
    content: JSON.stringify([request.method, path, request.body ?? null]),
  };
}

/** Keys of different callers never meet; those of unknown callers meet within a route only. */
function scopeOf(caller: Caller, route: string): string {
  switch (caller.kind) {
    case 'anonymous':
      return `anyone ${route}`;
    case 'member':
      return `user ${caller.userId} ${caller.tenantId ?? '-'}`;
    case 'operator':
      return `operator ${caller.keyId}`;
  }
}

function headersOf(reply: FastifyReply): Record<string, string> {
  const present = keptHeaders.filter((name) => reply.hasHeader(name));
  return Object.fromEntries(present.map((name) => [name, String(reply.getHeader(name))]));
}

function replay(reply: FastifyReply, answer: StoredAnswer): FastifyReply {
  setAnswer(reply, answer);
  return reply.send(answer.body);
}

function setAnswer(reply: FastifyReply, { status, headers }: StoredAnswer): void {
  reply.code(status).headers(headers).header('idempotency-replayed', 'true');
}
