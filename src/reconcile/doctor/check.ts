import { AppError } from '../../errors/app-error.ts';
import type { Logger } from '../../telemetry/logger.ts';

export type CheckStatus = 'ok' | 'warning' | 'problem' | 'unknown';

/** One thing that was looked at. Kept as the result of a task, and so JSON. */
export type Check = {
  /** What was looked at: `server.version`. The part before the dot is its group. */
  check: string;
  status: CheckStatus;
  /** Whose it is: the name of a server, a template, a variable; `installation` for what there is one of. */
  subject: string;
  /** A sentence. */
  detail: string;
  /** A sentence, or a command to run; null where there is nothing to do. */
  remedy: string | null;
  /** Whether `doctor --fix` does it. */
  fixable: boolean;
};

type Told = { check: string; subject: string; detail: string };
type Mendable = Told & { remedy: string; fixable?: boolean };

export const ok = (told: Told): Check => ({ ...told, status: 'ok', remedy: null, fixable: false });
export const warning = (told: Mendable): Check => ({ fixable: false, ...told, status: 'warning' });
export const problem = (told: Mendable): Check => ({ fixable: false, ...told, status: 'problem' });
export const unknown = (told: Told & { remedy?: string }): Check => ({
  remedy: null,
  ...told,
  status: 'unknown',
  fixable: false,
});

/** What a look that failed says: an error of the catalogue tells an operator what to do itself. */
export function failedLook(check: string, subject: string, error: unknown): Check {
  const detail = error instanceof Error && error.message !== '' ? error.message : String(error);
  if (error instanceof AppError) {
    return { check, subject, status: 'problem', detail, remedy: null, fixable: false };
  }
  return unknown({ check, subject, detail: `This could not be looked at: ${detail}` });
}

/** What is no error of the catalogue is a defect, or a driver's: the report has one line of it, the log all. */
export function logDefect(
  { log }: { log: Logger },
  error: unknown,
  place: { server: string } | { check: string },
): void {
  if (!(error instanceof AppError)) log.warn({ err: error, ...place }, 'A look of the doctor failed');
}

/** `a, b, c and 4 more`. */
export function named(names: readonly string[], most = 10): string {
  const shown = names.slice(0, most).join(', ');
  return names.length <= most ? shown : `${shown} and ${names.length - most} more`;
}

export const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;
