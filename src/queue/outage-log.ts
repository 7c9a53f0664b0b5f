import type { Logger } from '../telemetry/logger.ts';

/** Says once that something cannot be reached, and once that it can again: drivers repeat it every second. */
export function createOutageLog({ what, log }: { what: string; log: Logger }) {
  let isDown = false;
  return {
    failed(error: unknown): void {
      if (!isDown) log.warn({ err: error }, `${what} cannot be reached; it is tried again until it can`);
      isDown = true;
    },
    recovered(): void {
      if (isDown) log.info(`${what} can be reached again`);
      isDown = false;
    },
  };
}
