import { errors } from '../errors/catalogue.ts';
import { isErrorLine, type ToolOutcome } from './pg-tools-child.ts';

/** The first major version that knows `transaction_timeout`; its pg_restore sets it on every server. */
const KNOWS_TRANSACTION_TIMEOUT = 17;

/** Nobody's ownership, privileges or labels come from the archive. */
const RESTORE_OPTIONS = [
  '--no-owner',
  '--no-privileges',
  '--no-security-labels',
  '--no-tablespaces',
  '--no-subscriptions',
];

export function restoreOptions(toolsMajor: number, serverMajor: number): string[] {
  return stopsAtErrors(toolsMajor, serverMajor) ? [...RESTORE_OPTIONS, '--exit-on-error'] : RESTORE_OPTIONS;
}

/** A pg_restore that is told to stop at the first error never gets past the setting that its server lacks. */
function stopsAtErrors(toolsMajor: number, serverMajor: number): boolean {
  return !(toolsMajor >= KNOWS_TRANSACTION_TIMEOUT && serverMajor < KNOWS_TRANSACTION_TIMEOUT);
}

/** Throws `template_restore_failed` unless everything was restored. */
export function judgeRestore(outcome: ToolOutcome, tools: { major: number }, serverMajor: number): void {
  if (outcome.code === 0) return;
  const failures = outcome.stderr.filter(isErrorLine);
  const isHarmless = (line: string) => line.includes('"transaction_timeout"');
  const onlyHarmless =
    !stopsAtErrors(tools.major, serverMajor) &&
    outcome.code === 1 &&
    failures.length === 1 &&
    failures.every(isHarmless) &&
    outcome.stderr.at(-1)?.endsWith('errors ignored on restore: 1');
  if (onlyHarmless) return;
  const failure = failures.find((line) => !isHarmless(line)) ?? failures[0];
  throw errors.restoreFailed(
    failure === undefined ? outcome.lastWords : withStatement(failure, outcome.stderr),
  );
}

const LONGEST_STATEMENT = 200;

/** The server's words often do not say what they are about; pg_restore prints the statement in the next lines. */
function withStatement(failure: string, stderr: readonly string[]): string {
  const next = stderr.slice(stderr.indexOf(failure) + 1).find((line) => line.startsWith('Command was: '));
  if (next === undefined) return failure;
  return `${failure} (in: ${next.slice('Command was: '.length).slice(0, LONGEST_STATEMENT)})`;
}
