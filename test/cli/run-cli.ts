import { PassThrough, Writable } from 'node:stream';
import type { AdminRequest } from '../../src/cli/admin-request.ts';
import { createCli } from '../../src/cli/create-cli.ts';
import { createHttpAdminRequest } from '../../src/cli/http-admin-client.ts';
import type { CreateSuperAdmin } from '../../src/cli/session.ts';

export const adminKey = 'the-admin-key-that-is-never-shown';
const usualNow = () => new Date('2026-01-01T10:03:00Z');

export type Ended = { exitCode: number; stdout: string; stderr: string };

type Circumstances = {
  /** Of a server, or the whole request function. */
  api?: string | AdminRequest;
  terminal?: boolean;
  columns?: number;
  noColor?: boolean;
  /** Piped in; on a terminal: what the person types, a line for each question. */
  stdin?: string | readonly string[];
  createSuperAdmin?: CreateSuperAdmin;
  now?: () => Date;
};

/** Runs one call of tenant-cli with streams of its own. */
export async function runCli(args: readonly string[], circumstances: Circumstances = {}): Promise<Ended> {
  const { api = 'http://127.0.0.1:9', terminal = false, columns = 100, noColor = false } = circumstances;
  const stdout = createCapture(terminal, columns);
  const stderr = createCapture(terminal, columns);
  const stdin = createInput(circumstances.stdin ?? '', terminal, stderr);
  const request =
    typeof api === 'string'
      ? createHttpAdminRequest({ url: api, key: adminKey, warn: (text) => stderr.write(`${text}\n`) })
      : api;
  const run = createCli({
    version: '1.2.3',
    request,
    createSuperAdmin: circumstances.createSuperAdmin,
    io: { stdin, stdout, stderr, noColor },
    now: circumstances.now ?? usualNow,
  });
  const exitCode = await run(args);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

type Capture = Writable & { isTTY: boolean; columns: number; text: () => string };

function createCapture(isTTY: boolean, columns: number): Capture {
  const parts: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      parts.push(String(chunk));
      done();
    },
  });
  return Object.assign(stream, { isTTY, columns, text: () => parts.join('') });
}

/** A person types when a question stands there, and not before. */
function createInput(typed: string | readonly string[], isTTY: boolean, stderr: Capture) {
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: () => undefined });
  if (typeof typed === 'string') {
    stdin.end(typed);
    return stdin;
  }
  const lines = [...typed];
  let answered = 0;
  const look = () => {
    const questions = stderr.text().match(/(Password|Once more|to go on): /g)?.length ?? 0;
    if (questions <= answered) return;
    answered = questions;
    const line = lines.shift();
    if (line !== undefined) setImmediate(() => stdin.write(line));
  };
  const write = stderr.write.bind(stderr);
  stderr.write = ((...args: Parameters<typeof write>) => {
    const result = write(...args);
    look();
    return result;
  }) as typeof stderr.write;
  return stdin;
}
