import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { errors } from '../../../src/errors/catalogue.ts';
import type { Around } from '../../../src/provisioning/failpoints.ts';
import { currentContext } from '../../../src/telemetry/request-context.ts';

/**
 * An `error` comes before the effect, a `lost answer` is one that comes after it. `refused` is what no repetition
 * mends, each time anew: what was done has to be taken back.
 */
export type Fault =
  | 'kill before'
  | 'kill after'
  | 'error'
  | 'lost answer'
  | 'hang before'
  | 'hang after'
  | 'refused';

export type PlantedFault = {
  /** Written to the log file when the fault happens. */
  id: string;
  point: string;
  fault: Fault;
  /** Only the work that this request caused; any work if left out. */
  requestId?: string;
};

/**
 * Each planted fault but a refusal happens once, also over restarts: what has happened stands in the log file,
 * written before the fault takes effect.
 */
export function faultsAround(planted: readonly PlantedFault[], logFile: string): Around {
  return async (point, effect) => {
    const requestId = currentContext()?.requestId;
    const happened = faultsThatHappened(logFile);
    const due = planted.find(
      (each) =>
        each.point === point &&
        (each.requestId === undefined || each.requestId === requestId) &&
        (each.fault === 'refused' || !happened.includes(each.id)),
    );
    if (due === undefined) return effect();
    return happen(due.fault, effect, () => appendFileSync(logFile, `${due.id}\n`));
  };
}

export function faultsThatHappened(logFile: string): string[] {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').slice(0, -1) : [];
}

async function happen<Result>(
  fault: Fault,
  effect: () => Promise<Result>,
  note: () => void,
): Promise<Result> {
  switch (fault) {
    case 'kill before':
      return die(note);
    case 'kill after':
      await effect();
      return die(note);
    case 'error':
      note();
      throw new Error('planted: an error that nobody expects');
    case 'hang before':
      note();
      return new Promise(() => undefined);
    case 'hang after':
      await effect();
      note();
      return new Promise(() => undefined);
    case 'lost answer':
      await effect();
      note();
      throw errors.serverUnreachable('planted', 'the answer was lost');
    case 'refused':
      note();
      throw errors.verificationFailed('planted');
  }
}

function die(note: () => void): Promise<never> {
  note();
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}
