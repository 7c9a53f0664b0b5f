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
  const progress = await waitForRun(runId, waitMsOf(preference, usualMs), signal);
  setPreferenceApplied(reply, preference, progress?.status === 'completed');
  return progress;
}
