import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import type { ServerAccount } from './server-account.ts';

/** A server's folder and who runs it with what. */
export type ServerPlace = {
  readonly binaries: Binaries;
  readonly account: ServerAccount;
  /** The PGDATA folder. */
  readonly pgData: string;
  readonly logFile: string;
};

export type ShutdownMode = 'fast' | 'immediate';

// Crash recovery of many databases may take a minute; pg_ctl returns as soon as the server is ready.
const START_TIMEOUT_SECONDS = 300;
const STOP_TIMEOUT_SECONDS = 60;

/**
 * Runs initdb. Its own sync at the end is kept: it costs 0.2 s on a small machine, and without it a power cut
 * soon after could leave a server that accepted tenants and cannot start again.
 */
export async function initializeServer(place: ServerPlace, passwordFile: string): Promise<CommandResult> {
  let last: CommandResult | undefined;
  // Rules of sorting from C change with no update of the system, so clones never meet a collation of another
  // version. Character classes are Unicode's where the platform has such a locale.
  for (const ctype of ['C.UTF-8', 'en_US.UTF-8', 'C']) {
    last = await runInitdb(place, passwordFile, ctype);
    if (last.succeeded || !last.output.includes('invalid locale name')) return last;
  }
  return last ?? { succeeded: false, exitCode: null, output: 'initdb was not run' };
}

function runInitdb(place: ServerPlace, passwordFile: string, ctype: string): Promise<CommandResult> {
  const args = ['-D', place.pgData, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  args.push('--data-checksums', '--encoding=UTF8', '--lc-collate=C', `--lc-ctype=${ctype}`);
  args.push('--lc-messages=C', '--lc-monetary=C', '--lc-numeric=C', '--lc-time=C', '--no-instructions');
  args.push('--text-search-config=english');
  if (place.binaries.major >= 15) args.push('--locale-provider=libc');
  return runCommand({
    file: join(place.binaries.binDir, 'initdb'),
    args,
    account: place.account,
    timeoutMs: 300_000,
  });
}

/** Starts the server and waits until it accepts connections. It outlives this process. */
export function startServer(place: ServerPlace): Promise<CommandResult> {
  return runPgCtl(place, ['start', '-l', place.logFile, '-t', String(START_TIMEOUT_SECONDS), '--wait']);
}

export function stopServer(place: ServerPlace, mode: ShutdownMode): Promise<CommandResult> {
  return runPgCtl(place, ['stop', '-m', mode, '-t', String(STOP_TIMEOUT_SECONDS), '--wait']);
}

/** True when a live process has the number in postmaster.pid; whether that is a server is another question. */
export async function serverSeemsRunning(place: ServerPlace): Promise<boolean> {
  return (await runPgCtl(place, ['status'])).succeeded;
}

function runPgCtl(place: ServerPlace, args: readonly string[]): Promise<CommandResult> {
  return runCommand({
    file: join(place.binaries.binDir, 'pg_ctl'),
    args: [...args, '-D', place.pgData],
    account: place.account,
    timeoutMs: (START_TIMEOUT_SECONDS + 30) * 1000,
  });
}
