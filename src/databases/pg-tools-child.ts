import { type ChildProcess, spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errors } from '../errors/catalogue.ts';

export type ToolRun = {
  readonly command: string;
  readonly args: readonly string[];
  /** All that the child gets beside PATH and LANG: it runs code that others wrote. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: Readable;
  /** A new file, mode 0600, that takes the standard output. */
  readonly stdoutFile?: string;
  readonly signal: AbortSignal;
};

export type ToolOutcome = {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** The lines of the standard error, the last ones if there are many. */
  readonly stderr: readonly string[];
  /** For the error's text: the last line that speaks of an error, else the last line. */
  readonly lastWords: string;
};

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** pg_restore repeats the whole failing statement below its error. */
const KEPT_BYTES = 256 * 1024;
const LONGEST_WORDS = 500;
const KILL_AFTER_MS = 2_000;

/** Runs a program to its end. Throws the signal's reason when it was aborted, and `pg_dump_failed` when it cannot be started. */
export async function runTool(run: ToolRun): Promise<ToolOutcome> {
  run.signal.throwIfAborted();
  const output = run.stdoutFile === undefined ? undefined : await open(run.stdoutFile, 'wx', 0o600);
  try {
    return await runChild(run, output);
  } finally {
    await output?.close();
  }
}

async function runChild(run: ToolRun, output: FileHandle | undefined): Promise<ToolOutcome> {
  const child = spawn(run.command, run.args, {
    env: { PATH: DEFAULT_PATH, LANG: 'C', LC_ALL: 'C', ...run.env },
    stdio: [run.stdin === undefined ? 'ignore' : 'pipe', output?.fd ?? 'pipe', 'pipe'],
    // A group of its own: what a wrapper script started ends with the wrapper.
    detached: true,
  });
  const stdout = collect(child.stdout, Number.POSITIVE_INFINITY);
  const stderr = collect(child.stderr, KEPT_BYTES);
  const stopOnAbort = () => endGroup(child);
  run.signal.addEventListener('abort', stopOnAbort, { once: true });
  try {
    const [code] = await Promise.all([ended(child), feed(child, run.stdin)]);
    run.signal.throwIfAborted();
    return describe(code, stdout(), stderr());
  } finally {
    run.signal.removeEventListener('abort', stopOnAbort);
  }
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(notStarted(child, error)));
    child.once('close', resolve);
  });
}

function notStarted(child: ChildProcess, error: Error) {
  const program = child.spawnfile;
  const mend =
    'code' in error && error.code === 'ENOENT'
      ? `Install "${program}" where this process runs, in one of the folders of its PATH`
      : `See that this process may run "${program}"`;
  return errors
    .pgDumpFailed(`"${program}" could not be started (${error.message}). ${mend}.`)
    .causedBy(error);
}

/** A child that ends without reading everything says why itself. */
async function feed(child: ChildProcess, stdin: Readable | undefined): Promise<void> {
  if (stdin === undefined || child.stdin === null) return;
  try {
    await pipeline(stdin, child.stdin);
  } catch (error) {
    if (!isClosedPipe(error)) throw error;
  }
}

function isClosedPipe(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function collect(stream: Readable | null, keptBytes: number): () => string {
  let chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= 2 * keptBytes) return;
    chunks = [Buffer.concat(chunks).subarray(-keptBytes)];
    size = keptBytes;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function endGroup(child: ChildProcess): void {
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS);
  timer.unref();
  child.once('close', () => clearTimeout(timer));
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!isGone) throw error;
  }
}

function describe(code: number | null, stdout: string, errorText: string): ToolOutcome {
  const stderr = errorText.split('\n').filter((line) => line.trim() !== '');
  const silence = code === null ? 'it was killed' : `it ended with code ${code} and said nothing`;
  const lastWords = stderr.findLast(isErrorLine) ?? stderr.at(-1) ?? silence;
  return { code, stdout, stderr, lastWords: lastWords.slice(0, LONGEST_WORDS) };
}

/** As all of PostgreSQL's programs write it: `pg_dump: error: …`. */
export function isErrorLine(line: string): boolean {
  return /^\w+: error: /.test(line);
}
