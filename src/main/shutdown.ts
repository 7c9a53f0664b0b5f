import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';

type Phase = { name: string; deadlineMs: number; stop: () => Promise<void> };

/** Orchestrators kill 30 s after they asked; until then everything must have stopped. */
export const stopWithinMs = 25_000;

/**
 * Whatever is started registers here how it is stopped; the last one started is the first one stopped. However
 * long the parts may take each, all of them together have `withinMs`: those whose time has run out are asked to
 * stop and not waited for. What the others stand on is stopped last, and its time is kept free for it.
 */
export function createShutdown(log: Logger, withinMs = stopWithinMs) {
  const phases: Phase[] = [];
  const foundations: Phase[] = [];
  const latecomers: Promise<void>[] = [];
  let start: Promise<unknown> = Promise.resolve();
  let running: Promise<void> | undefined;
  let endsAt = Number.POSITIVE_INFINITY;

  const isStopping = () => endsAt !== Number.POSITIVE_INFINITY;
  const timeLeft = () => Math.max(0, endsAt - performance.now());
  const timeForParts = () =>
    Math.max(0, timeLeft() - foundations.reduce((sum, { deadlineMs }) => sum + deadlineMs, 0));
  const stopPart = (phase: Phase) => stopOne(phase, Math.min(phase.deadlineMs, timeForParts()), log);

  async function stopAll(): Promise<void> {
    const startedAt = performance.now();
    for (const phase of phases.toReversed()) await stopPart(phase);
    await within(start, timeForParts());
    await Promise.all(latecomers);
    for (const phase of foundations.toReversed()) await stopOne(phase, timeLeft(), log);
    log.info({ took_ms: since(startedAt) }, 'Everything has stopped');
  }

  return {
    /**
     * @throws Error when stopping has begun: what was to be registered is stopped at once, and whoever was
     * starting it need not go on.
     */
    onStop(name: string, deadlineMs: number, stop: () => Promise<void>): void {
      const phase = { name, deadlineMs, stop };
      if (!isStopping()) {
        phases.push(phase);
        return;
      }
      latecomers.push(stopPart(phase));
      throw new Error(`Stopping has begun, so ${name} was stopped again`);
    },

    /** For what all others stand on: it is stopped after them, and `deadlineMs` are kept for it. */
    onStopAtLast(name: string, deadlineMs: number, stop: () => Promise<void>): void {
      if (isStopping()) throw new Error(`Stopping has begun, so ${name} is not started`);
      foundations.push({ name, deadlineMs, stop });
    },

    /** `stop` waits for it too: what is half started can only be stopped once it is whole. */
    waitForStart(promise: Promise<unknown>): void {
      start = promise.catch(() => undefined);
    },

    isStopping,

    /** Stops everything once, however often it is called. Never throws. */
    stop(): Promise<void> {
      if (!isStopping()) endsAt = performance.now() + withinMs;
      running ??= stopAll();
      return running;
    },
  };
}

export type Shutdown = ReturnType<typeof createShutdown>;

/** A part that does not stop in time, or not well, does not keep the others from stopping. */
async function stopOne({ name, stop }: Phase, limitMs: number, log: Logger): Promise<void> {
  const startedAt = performance.now();
  try {
    const outcome = await within(stop(), limitMs);
    if (outcome === 'late') log.warn({ phase: name, waited_ms: Math.round(limitMs) }, 'Did not stop in time');
    else log.info({ phase: name, took_ms: since(startedAt) }, 'Stopped');
  } catch (error) {
    log.warn({ err: error, phase: name, took_ms: since(startedAt) }, 'Did not stop well');
  }
}

const since = (startedAt: number): number => Math.round(performance.now() - startedAt);

/** The timer keeps the process alive: what is waited for may not, and more has to be stopped after it. */
async function within(promise: Promise<unknown>, limitMs: number): Promise<unknown> {
  const timer = new AbortController();
  const tooLate = delay(limitMs, 'late', { signal: timer.signal });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    timer.abort();
  }
}
