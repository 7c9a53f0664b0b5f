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
 * written before the fault takes effect. A fault has its process to itself from its effect to that line: killed in
 * between by another one, it would have had its effect and never happen, since what is done is not done again.
 */
export function faultsAround(planted: readonly PlantedFault[], logFile: string): Around {
  const takeTurn = createTurns();
  const isLeft = ({ id, fault }: PlantedFault) =>
    fault === 'refused' || !faultsThatHappened(logFile).includes(id);

  return async (point, effect) => {
    const requestId = currentContext()?.requestId;
    const due = planted.find(
      (each) =>
        each.point === point &&
        (each.requestId === undefined || each.requestId === requestId) &&
        isLeft(each),
    );
    if (due === undefined) return effect();
    return takeTurn(async () => {
      // An attempt that has waited too long for its turn was followed by another.
      if (!isLeft(due)) return effect;
      if (comesAfter.includes(due.fault)) await effect();
      appendFileSync(logFile, `${due.id}\n`);
      if (due.fault.startsWith('kill')) await die();
      return () => follow(due.fault);
    }).then((next) => next());
  };
}

export function faultsThatHappened(logFile: string): string[] {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').slice(0, -1) : [];
}

const comesAfter: readonly Fault[] = ['kill after', 'hang after', 'lost answer'];

/** Runs what it is given one after the other. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve();
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** What whoever waits for the effect gets to know. */
async function follow(fault: Fault): Promise<never> {
  switch (fault) {
    case 'error':
      throw new Error('planted: an error that nobody expects');
    case 'lost answer':
      throw errors.serverUnreachable('planted', 'the answer was lost');
    case 'refused':
      throw errors.verificationFailed('planted');
    default:
      return new Promise(() => undefined);
  }
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}
