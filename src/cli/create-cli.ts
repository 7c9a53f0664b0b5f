import { CommanderError } from 'commander';
import { createAdminApi } from './admin-api.ts';
import type { AdminRequest } from './admin-request.ts';
import { createProgram } from './create-program.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { createOutput, type TerminalOutput } from './output.ts';
import { createPrompt, type TerminalInput } from './prompt.ts';
import { reportFailure } from './report-failure.ts';
import type { Act, CreateSuperAdmin, OpenConsole, Session } from './session.ts';

export type CliIo = {
  stdin: TerminalInput;
  stdout: TerminalOutput;
  stderr: TerminalOutput;
  /** NO_COLOR is set to anything, or TERM is dumb. */
  noColor: boolean;
};

export type CliNeeds = {
  version: string;
  request: AdminRequest;
  /** undefined over HTTP. */
  createSuperAdmin: CreateSuperAdmin | undefined;
  /** undefined over HTTP. */
  openConsole?: OpenConsole | undefined;
  io: CliIo;
  now?: () => Date;
};

/**
 * The command line. @returns a function that runs one call and resolves with its exit code; it never throws
 * and never ends the process. Its argument is what stands behind the program's name.
 */
export function createCli(needs: CliNeeds): (argv: readonly string[]) => Promise<ExitCode> {
  const { io } = needs;
  const output = createOutput(io);
  const session: Session = {
    api: createAdminApi(needs.request),
    output,
    prompt: createPrompt(io),
    now: needs.now ?? (() => new Date()),
    createSuperAdmin: needs.createSuperAdmin,
    openConsole: needs.openConsole,
  };

  return async (argv) => {
    let exitCode: ExitCode = exitCodes.done;
    const act: Act = async (story) => {
      exitCode = (await story(session)) ?? exitCodes.done;
    };
    const display = {
      look: output.look,
      messageLook: output.messageLook,
      writeOut: (text: string) => void io.stdout.write(text),
      writeErr: (text: string) => void io.stderr.write(text),
    };
    try {
      await createProgram({ version: needs.version, act, display }).parseAsync(argv, { from: 'user' });
      return exitCode;
    } catch (error) {
      if (error instanceof CommanderError) return exitCodeOf(error);
      return reportFailure(error, output);
    }
  };
}

/** commander has said already what is wrong. */
function exitCodeOf({ exitCode }: CommanderError): ExitCode {
  return exitCode === 0 ? exitCodes.done : exitCodes.usage;
}
