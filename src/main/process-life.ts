import { performance } from 'node:perf_hooks';
import { AppError } from '../errors/app-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createShutdown, type Shutdown, stopWithinMs } from './shutdown.ts';

/** For what keeps even the timers of the shutdown from running in time. */
const exitAfterMs = stopWithinMs + 2_000;
/** npm passes on the Ctrl+C that the terminal has sent to everybody, so one key press is two signals. */
const sameKeyPressMs = 1_000;

/** Ends the process once all has stopped, or has had its time to. */
type End = (exitCode: number) => Promise<void>;

/** Runs the start of a process; when it fails, what was started is stopped and the reason is said in words. */
export async function startOrExplain(
  log: Logger,
  start: (shutdown: Shutdown) => Promise<void>,
): Promise<void> {
  const shutdown = createShutdown(log);
  const end: End = async (exitCode) => {
    setTimeout(() => process.exit(1), exitAfterMs).unref();
    await shutdown.stop();
    process.exit(exitCode);
  };
  endOnSignals(end, log);
  endOnDefects(end, log);
  const starting = start(shutdown);
  shutdown.waitForStart(starting);
  try {
    await starting;
  } catch (error) {
    // Parts that were stopped while it went on: whoever stopped them ends the process.
    if (shutdown.isStopping()) return log.debug({ err: error }, 'The start was broken off');
    explain(error);
    await end(1);
  }
}

/** SIGTERM and SIGINT stop the process; a second signal ends it at once. */
function endOnSignals(end: End, log: Logger): void {
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      log.info({ signal }, 'Stopping');
      void end(0);
    } else if (performance.now() - firstAt > sameKeyPressMs) {
      process.exit(1);
    }
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function endOnDefects(end: End, log: Logger): void {
  const onDefect = (error: unknown) => {
    log.fatal({ err: error }, 'A defect: nobody handled this error');
    void end(1);
  };
  process.on('unhandledRejection', onDefect);
  process.on('uncaughtException', onDefect);
}

/** An error of the catalogue is a sentence for people; anything else is shown whole. */
export function explain(error: unknown): void {
  process.stderr.write(`\n${textOf(error)}\n\n`);
}

function textOf(error: unknown): string {
  if (!(error instanceof AppError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return error.cause instanceof Error ? `${error.message}\n(${error.cause.message})` : error.message;
}
