import { serverFailure } from '../databases/sql-state.ts';
import { AppError } from '../errors/app-error.ts';
import type { Logger } from '../telemetry/logger.ts';

/** What could not be looked at, a server or a tenant, and why: of that nothing is said. */
export type Unchecked = { subject: string; reason: string };

/**
 * What is in the way of one look keeps nobody from looking at the others.
 * @throws the error itself when the whole look was called off
 */
export function toUnchecked(
  error: unknown,
  { subject, signal, log }: { subject: string; signal: AbortSignal; log: Logger },
): Unchecked {
  if (signal.aborted) throw error;
  if (error instanceof AppError) return { subject, reason: error.message };
  const failure = serverFailure(error);
  if (failure !== undefined) {
    return { subject, reason: `The database server says: ${failure.message} (SQLSTATE ${failure.code}).` };
  }
  log.error({ err: error, subject }, 'A look failed in a way that nobody has foreseen');
  return { subject, reason: 'The look failed in a way that nobody has foreseen. The log has the cause.' };
}
