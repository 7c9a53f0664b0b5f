import { errors } from '../errors/catalogue.ts';
import type { RunContext } from './run-context.ts';

/**
 * One step of making or unmaking a tenant. Both functions may run any number of times, also after a crash in
 * the middle of themselves, and bring about the same state.
 */
export type Step = {
  readonly name: string;
  /**
   * How long one attempt at it may take. More than all limits within it together, so that what takes too long
   * is usually told by its own limit, which knows better what it was; this one is for what hangs.
   */
  readonly deadlineMs?: number;
  /** Whether there is anything to do; what is not due is recorded with the next step, and costs nothing. */
  readonly isDue?: (context: RunContext) => boolean;
  readonly run: (context: RunContext) => Promise<void>;
  /** Takes back what `run` may have done, completely or in part. */
  readonly undo?: (context: RunContext) => Promise<void>;
};

/** For steps that only write to the registry, where every statement has a limit of seconds. */
export const usualDeadlineMs = 30_000;

/** Waiting for a predecessor's lock, then statements with the session's limit of two minutes. */
export const serverDeadlineMs = 180_000;

/** The names that an earlier step reserved. */
export function reservedNames(context: RunContext) {
  const names = context.names;
  if (names === null) throw errors.verificationFailed('no database is reserved for this tenant');
  return names;
}
