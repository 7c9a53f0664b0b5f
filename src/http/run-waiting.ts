import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RunProgress } from '../provisioning/run-progress.ts';
import { goneAway } from './plugins/closing-signal.ts';
import { parsePrefer, setPreferenceApplied, waitMsOf } from './prefer.ts';

export type WaitForRun = (
  runId: string,
  waitMs: number,
  signal?: AbortSignal,
) => Promise<RunProgress | undefined>;

export type RunWaitingNeeds = { waitForRun: WaitForRun };

export type Waiting = {
  request: FastifyRequest;
  reply: FastifyReply;
  runId: string;
  /** How long to wait for a caller who wishes nothing. */
  usualMs: number;
};

/**
 * Waits for the end of a run as long as the caller prefers, and says so in the answer.
 * @returns how far it is; undefined for a run that is not there.
 */
export async function waitAsPreferred(
  { waitForRun }: RunWaitingNeeds,
  { request, reply, runId, usualMs }: Waiting,
): Promise<RunProgress | undefined> {
  const preference = parsePrefer(request.headers.prefer);
  const { closing } = request.server;
  // An answer that is kept for its Idempotency-Key is worth waiting for even when nobody reads it now.
  const signal = request.idempotency === undefined ? AbortSignal.any([closing, goneAway(reply)]) : closing;
  // Counted from the arrival of the request (RFC 7240, 4.3), as its caller does: a burst of others may have
  // kept it waiting before.
  const leftMs = waitMsOf(preference, usualMs) - reply.elapsedTime;
  const progress = await waitForRun(runId, Math.max(0, Math.floor(leftMs)), signal);
  setPreferenceApplied(reply, preference, progress?.status === 'completed');
  return progress;
}
