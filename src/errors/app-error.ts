/**
 * Whether the same operation may succeed when it is tried again:
 * `soon` for what passes by itself (a lost connection), `later` for what an operator must mend first
 * (the source database is missing), `never` for what stays wrong.
 */
export type RetryAdvice = 'soon' | 'later' | 'never';

export type FieldProblem = { path: string; message: string };

export type ErrorDefinition = {
  readonly code: string;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly title: string;
  readonly retry: RetryAdvice;
  /** Seconds for `Retry-After`; every 429 and 503 has one. */
  readonly retryAfterSeconds?: number;
};

/** The only error that is thrown on purpose. Made by the factories of the catalogue. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly definition: ErrorDefinition;
  /** One entry per wrong field, for validation errors. */
  readonly problems: readonly FieldProblem[];
  /** Members that the problem document carries beside the standard ones. */
  readonly extensions: Readonly<Record<string, unknown>>;
  /** Seconds for `Retry-After`, where they depend on the case. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    definition: ErrorDefinition,
    detail: string,
    more: {
      cause?: unknown;
      problems?: readonly FieldProblem[];
      extensions?: Readonly<Record<string, unknown>>;
      retryAfterSeconds?: number | undefined;
    } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.definition = definition;
    this.problems = more.problems ?? [];
    this.extensions = more.extensions ?? {};
    this.retryAfterSeconds = more.retryAfterSeconds ?? definition.retryAfterSeconds;
  }

  get code(): string {
    return this.definition.code;
  }

  get status(): number {
    return this.definition.status;
  }

  get retry(): RetryAdvice {
    return this.definition.retry;
  }

  /** The same error with the error that led to it. */
  causedBy(cause: unknown): AppError {
    return new AppError(this.definition, this.message, { ...this, cause });
  }

  with(extensions: Record<string, unknown>): AppError {
    return new AppError(this.definition, this.message, {
      ...this,
      cause: this.cause,
      extensions: { ...this.extensions, ...extensions },
    });
  }

  /** The same error with the time after which it makes sense to try again. */
  after(retryAfterSeconds: number): AppError {
    return new AppError(this.definition, this.message, { ...this, cause: this.cause, retryAfterSeconds });
  }
}
