import type { FastifyReply, FastifyRequest } from 'fastify';
import { goneAway } from './plugins/closing-signal.ts';
import { parsePrefer, setPreferenceApplied, waitMsOf } from './prefer.ts';

type Waiting = {
  request: FastifyRequest;
  reply: FastifyReply;
  /** How long to wait for a caller who wishes nothing. */
  usualMs: number;
};

/** Waits for the end of something as long as the caller prefers, and says so in the answer. */
export async function waitAsPreferredFor<State extends { status: string }>(
  wait: (waitMs: number, signal: AbortSignal) => Promise<State | undefined>,
  { request, reply, usualMs }: Waiting,
): Promise<State | undefined> {
  const preference = parsePrefer(request.headers.prefer);
  const { closing } = request.server;
  // An answer that is kept for its Idempotency-Key is worth waiting for even when nobody reads it now.
  const signal = request.idempotency === undefined ? AbortSignal.any([closing, goneAway(reply)]) : closing;
  // Counted from the arrival of the request (RFC 7240, 4.3), as its caller does: a burst of others may have
  // kept it waiting before.
  const leftMs = waitMsOf(preference, usualMs) - reply.elapsedTime;
  const state = await wait(Math.max(0, Math.floor(leftMs)), signal);
  setPreferenceApplied(reply, preference, state?.status === 'completed');
  return state;
}
