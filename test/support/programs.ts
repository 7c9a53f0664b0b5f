import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { argumentsToRun } from './bundled-programs.ts';

export type Program = 'api' | 'worker' | 'all';

export type RunningProgram = {
  pid: number;
  /** Everything that it has written so far, to both streams. */
  output: () => string;
  /** Resolves when the output matches; rejects with the output when the process ends before. */
  saw: (pattern: RegExp) => Promise<void>;
  kill: (signal: NodeJS.Signals) => Promise<void>;
  exited: Promise<number | null>;
};

/** Starts one of the programs with nothing but the given variables. */
export function startProgram(program: Program, environment: Record<string, string>): RunningProgram {
  return startScript(`src/main/${program}.ts`, environment);
}

export function startScript(path: string, environment: Record<string, string>): RunningProgram {
  const child = spawn(process.execPath, argumentsToRun(path), {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/tmp', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      for (const look of listeners) look();
    });
  }
  const exited = once(child, 'exit').then(([code]) => {
    for (const look of listeners) look();
    return code as number | null;
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    saw: (pattern) => waitFor(pattern, { child, listeners, output: () => output }),
    async kill(signal) {
      child.kill(signal);
      await exited;
    },
    exited,
  };
}

type Watched = { child: ChildProcess; listeners: Set<() => void>; output: () => string };

function waitFor(pattern: RegExp, { child, listeners, output }: Watched): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (!pattern.test(output()) && !hasEnded) return;
      listeners.delete(look);
      if (pattern.test(output())) resolve();
      else reject(new Error(`It ended without ${pattern}:\n${output()}`));
    };
    listeners.add(look);
    look();
  });
}
