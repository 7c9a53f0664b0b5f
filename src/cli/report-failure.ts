import { AppError } from '../errors/app-error.ts';
import { type ExitCode, Failure } from './failure.ts';
import type { Look } from './look.ts';
import type { Output } from './output.ts';
import { printable, printableLines } from './printable.ts';

/** Says on stderr what went wrong and what to do. @returns the exit code for it. */
export async function reportFailure(error: unknown, output: Output): Promise<ExitCode> {
  const failure = toFailure(error);
  await output.say(describe(failure, output.messageLook));
  return failure.exitCode;
}

function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof AppError) {
    const { title } = error.definition;
    return new Failure({ title, message: error.message, code: error.code, cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ title: 'Unexpected', message: message || 'no message', cause: error });
}

function describe({ facts }: Failure, look: Look): string {
  const { title, message, problems = [], code, requestId, hints = [] } = facts;
  const told = [title === undefined ? '' : `${title.replace(/\.$/, '')}.`, message].filter(
    (part) => part !== '',
  );
  const references = [
    ...(code === undefined ? [] : [`code ${code}`]),
    ...(requestId === undefined ? [] : [`request id ${requestId}`]),
  ];
  return [
    `${look.paint('red', 'error:')} ${printableLines(told.join(' '))}`,
    ...problems.map((problem) => `  ${printable(problem)}`),
    ...(references.length === 0 ? [] : [look.paint('dim', `  ${printable(references.join(', '))}`)]),
    ...hints.map((hint) => `${look.paint('cyan', 'hint:')}  ${printable(hint)}`),
  ].join('\n');
}
