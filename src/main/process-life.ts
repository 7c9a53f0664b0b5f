import { AppError } from '../errors/app-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';

const exitDeadlineMs = 25_000;

/** Stops on SIGTERM and SIGINT; a second signal ends the process at once. */
export function stopOnSignals(shutdown: Shutdown, log: Logger): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log.info({ signal }, 'Stopping');
    setTimeout(() => process.exit(1), exitDeadlineMs).unref();
    void shutdown.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** Runs the start of a process; when it fails, what was started is stopped and the reason is said in words. */
export async function startOrExplain(
  log: Logger,
  start: (shutdown: Shutdown) => Promise<void>,
): Promise<void> {
  const shutdown = createShutdown(log);
  stopOnSignals(shutdown, log);
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'A defect: nobody handled this error');
    void shutdown.stop().then(() => process.exit(1));
  });
  try {
    await start(shutdown);
  } catch (error) {
    explain(error);
    await shutdown.stop();
    process.exit(1);
  }
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
