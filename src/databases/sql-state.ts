/** The SQLSTATE of an error or of what caused it; undefined where the server said nothing. */
export function sqlState(error: unknown): string | undefined {
  const failure = serverFailure(error);
  return failure?.code;
}

export type ServerFailure = Error & {
  readonly code: string;
  readonly constraint?: string;
  readonly detail?: string;
};

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The error as the server sent it, looked for along the chain of causes. */
export function serverFailure(error: unknown): ServerFailure | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (isServerFailure(current)) return current;
  }
  return undefined;
}

function isServerFailure(error: Error): error is ServerFailure {
  // Node's own codes (EPIPE) may have five letters too; only the server's errors have a severity.
  return (
    'severity' in error && 'code' in error && typeof error.code === 'string' && SQLSTATE.test(error.code)
  );
}

const NAME_INDEXES = ['pg_database_datname_index', 'pg_authid_rolname_index'];

/** Whether the object that was to be created exists already; also said while its creator has not committed. */
export function isAlreadyDone(error: unknown): boolean {
  const failure = serverFailure(error);
  if (failure === undefined) return false;
  if (failure.code === '42P04' || failure.code === '42710') return true;
  return failure.code === '23505' && NAME_INDEXES.includes(failure.constraint ?? '');
}

/** Whether two sessions changed one catalog row at once, and this one lost. */
export function isConcurrentUpdate(error: unknown): boolean {
  const failure = serverFailure(error);
  return failure?.code === 'XX000' && /tuple concurrently (updated|deleted)/.test(failure.message);
}
