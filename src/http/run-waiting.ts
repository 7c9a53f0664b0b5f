import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RunProgress } from '../provisioning/run-progress.ts';
import { waitAsPreferredFor } from './preferred-wait.ts';

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
export function waitAsPreferred(
  { waitForRun }: RunWaitingNeeds,
  { request, reply, runId, usualMs }: Waiting,
): Promise<RunProgress | undefined> {
  const wait = (waitMs: number, signal: AbortSignal) => waitForRun(runId, waitMs, signal);
  return waitAsPreferredFor(wait, { request, reply, usualMs });
}
