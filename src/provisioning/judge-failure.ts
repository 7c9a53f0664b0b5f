import { sqlState } from '../databases/sql-state.ts';
import { AppError } from '../errors/app-error.ts';

export type Judgement =
  | { verdict: 'retry'; delayMs: number; code: string; detail: string }
  | { verdict: 'fail'; code: string; detail: string }
  /** Another process has the run; there is nothing to do and nothing to say. */
  | { verdict: 'leave' };

const firstRetryMs = 250;
/** What an operator has to mend is looked at often enough that nobody has to press a button afterwards. */
const longestRetryMs = 15_000;
const operatorRetryMs = 5_000;

export type Failure = {
  error: unknown;
  attempts: number;
  /** For how long it was tried in vain; not the time in which nobody tried. */
  failingMs: number;
  giveUpAfterMs: number;
};

/** Decides what follows from a failed attempt: patience for what passes or gets mended, an end for the rest. */
export function judgeFailure({ error, attempts, failingMs, giveUpAfterMs }: Failure): Judgement {
  const { code, detail, retry } = describe(error);
  if (code === 'fenced') return { verdict: 'leave' };
  if (retry === 'never' || failingMs > giveUpAfterMs) return { verdict: 'fail', code, detail };
  const delayMs = retry === 'later' ? operatorRetryMs : firstRetryMs * 2 ** Math.min(attempts - 1, 10);
  return { verdict: 'retry', delayMs: Math.min(delayMs, longestRetryMs), code, detail };
}

/** Wrong SQL stays wrong. Of all other states `mapServerError` has said what they mean, or they pass. */
const neverRight = ['42601'];

/** What is not ours comes from the registry's driver or is a defect: both are tried again until the time is over. */
function describe(error: unknown): { code: string; detail: string; retry: AppError['retry'] } {
  if (error instanceof AppError) return { code: error.code, detail: error.message, retry: error.retry };
  const message = error instanceof Error ? error.message : String(error);
  const state = sqlState(error);
  const detail = state === undefined ? message : `${message} (SQLSTATE ${state})`;
  const retry = state !== undefined && neverRight.includes(state) ? 'never' : 'soon';
  return { code: 'internal_error', detail, retry };
}
