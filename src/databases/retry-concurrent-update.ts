import { setTimeout as delay } from 'node:timers/promises';
import { isConcurrentUpdate } from './sql-state.ts';

/** Enough for 16 sessions at one row: at least one of them wins in every round. */
const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 10;

/**
 * Runs `change` again when another session changed the same catalog row: GRANT ON DATABASE and ALTER ROLE
 * do not wait for each other, the loser fails with "tuple concurrently updated". `change` must be idempotent.
 */
export async function retryConcurrentUpdate<Result>(change: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await change();
    } catch (error) {
      if (attempt === ATTEMPTS || !isConcurrentUpdate(error)) throw error;
      await delay(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}
