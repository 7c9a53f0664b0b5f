import { execFile } from 'node:child_process';

export type CommandResult = { succeeded: boolean; exitCode: number | null; output: string };

type Command = {
  file: string;
  args: readonly string[];
  /** Whom it runs as, if not as the user of this process. */
  account?: { readonly identity?: { readonly uid: number; readonly gid: number } };
  timeoutMs?: number;
  /** Looks programs up in the PATH of this process. Only for finding things. */
  ownPath?: boolean;
};

// Children get this environment and nothing of ours: ours may hold secrets, and a foreign locale or
// LD_LIBRARY_PATH changes what the server does.
const CHILD_ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/** Runs a program to its end, as `account` where one is given. Its failure is a result, not an error. */
export function runCommand(command: Command): Promise<CommandResult> {
  const { file, args, account, timeoutMs = 60_000, ownPath = false } = command;
  const environment = ownPath ? {} : { env: CHILD_ENVIRONMENT };
  const options = { cwd: '/', timeout: timeoutMs, ...environment, ...account?.identity };
  return new Promise((resolve) => {
    execFile(file, [...args], options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim();
      if (error === null) return resolve({ succeeded: true, exitCode: 0, output });
      const exitCode = typeof error.code === 'number' ? error.code : null;
      resolve({ succeeded: false, exitCode, output: output === '' ? error.message : output });
    });
  });
}
