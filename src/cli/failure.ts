/** What a command ends with: done, failed, wrongly called, or done in part. */
export const exitCodes = { done: 0, failed: 1, usage: 2, partly: 3 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

type FailureFacts = {
  /** A few words, when the message alone does not say what kind of thing happened. */
  title?: string | undefined;
  message: string;
  exitCode?: ExitCode;
  code?: string | undefined;
  requestId?: string | undefined;
  /** What is wrong with each option. */
  problems?: readonly string[];
  /** What to do now, one sentence each. */
  hints?: readonly string[];
  /** The answer was lost or the API is busy: the same call may succeed when it is made again. */
  passesByItself?: boolean;
  /** Nobody knows whether the call was carried out. */
  isUnanswered?: boolean;
  cause?: unknown;
};

/** A command that cannot go on, in words for the person at the terminal. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly facts: FailureFacts;

  constructor(facts: FailureFacts) {
    super(facts.message, { cause: facts.cause });
    this.facts = facts;
  }

  get exitCode(): ExitCode {
    return this.facts.exitCode ?? exitCodes.failed;
  }
}

/** The command was called in a way that cannot work. */
export function wrongUsage(message: string, ...hints: string[]): Failure {
  return new Failure({ message, hints, exitCode: exitCodes.usage });
}
