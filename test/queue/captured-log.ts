import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger, type Logger } from '../../src/telemetry/logger.ts';

export type LogLine = { level: number; msg: string; [member: string]: unknown };

const warn = 40;

/** A logger whose lines can be looked at. */
export function captureLog(): { log: Logger; lines: LogLine[]; complaints: () => string[] } {
  const lines: LogLine[] = [];
  const destination = { write: (text: string) => lines.push(JSON.parse(text) as LogLine) };
  return {
    log: createLogger({ level: 'debug', service: 'test', destination }),
    lines,
    /** The messages of warnings and errors. */
    complaints: () => lines.filter(({ level }) => level >= warn).map(({ msg }) => msg),
  };
}

/** Waits until it is so; the limit only ends a test that fails. */
export async function until(isSo: () => boolean | Promise<boolean>, limitMs = 40_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`It was not so within ${limitMs} ms: ${isSo}`);
    await sleep(20);
  }
}
