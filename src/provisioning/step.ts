import { errors } from '../errors/catalogue.ts';
import type { RunContext } from './run-context.ts';

/**
 * One step of making or unmaking a tenant. Both functions may run any number of times, also after a crash in
 * the middle of themselves, and bring about the same state.
 */
export type Step = {
  readonly name: string;
  readonly run: (context: RunContext) => Promise<void>;
  /** Takes back what `run` may have done, completely or in part. */
  readonly undo?: (context: RunContext) => Promise<void>;
};

/** The names that an earlier step reserved. */
export function reservedNames(context: RunContext) {
  const names = context.names;
  if (names === null) throw errors.verificationFailed('no database is reserved for this tenant');
  return names;
}
