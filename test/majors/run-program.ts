import { spawn } from 'node:child_process';

export type ProgramRun = {
  file: string;
  args: readonly string[];
  /** The child ends when it aborts, and gets a moment to stop what it started. */
  signal: AbortSignal;
  env?: NodeJS.ProcessEnv;
  onStart?: (pid: number) => void;
};

export type ProgramOutcome = { code: number | null; stdout: string; output: string };

/** Runs a program to its end. `output` has both streams. Throws when it cannot be started. */
export function runProgram({
  file,
  args,
  signal,
  env = process.env,
  onStart,
}: ProgramRun): Promise<ProgramOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    if (child.pid !== undefined) onStart?.(child.pid);
    const stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    let stdout = '';
    let output = '';
    child.stdout.on('data', (part: Buffer) => {
      stdout += part;
      output += part;
    });
    child.stderr.on('data', (part: Buffer) => {
      output += part;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      resolve({ code, stdout, output });
    });
    if (signal.aborted) stop();
  });
}
