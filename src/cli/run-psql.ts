import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TenantLogin } from '../provisioning/tenant-login.ts';
import { type ExitCode, exitCodes, Failure } from './failure.ts';

export type PsqlCall = {
  login: TenantLogin;
  /** For psql, behind the login. */
  arguments: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
};

/** What psql may know of this process's environment, which holds the keys of the platform. */
const passedOn = ['PATH', 'HOME', 'TERM', 'LANG', 'LC_ALL', 'TZ', 'PAGER', 'PSQL_PAGER', 'EDITOR', 'VISUAL'];

/**
 * Runs psql at the terminal. The password is in a file that only this user may read, and that is gone afterwards;
 * neither arguments nor environment have it. The names are no arguments either, which psql would read as options of
 * a connection.
 */
export async function runPsql(call: PsqlCall): Promise<ExitCode> {
  const folder = await mkdtemp(join(tmpdir(), 'tenant-console-'));
  // psql decides what Ctrl-C means.
  const stay = () => undefined;
  process.on('SIGINT', stay);
  try {
    const environment = { ...chosen(call.environment), ...(await connection(folder, call.login)) };
    return await run(call.arguments, environment);
  } finally {
    process.off('SIGINT', stay);
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(given: readonly string[], env: Record<string, string>): Promise<ExitCode> {
  const child = spawn('psql', [...given], { stdio: 'inherit', env });
  try {
    const [code] = await once(child, 'exit');
    return code === 0 ? exitCodes.done : exitCodes.failed;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    throw new Failure({
      title: 'No psql',
      message: 'The console is PostgreSQL’s own psql, which is not on the PATH.',
      hints: ['Install it: apt install postgresql-client, brew install libpq, or from postgresql.org.'],
      cause: error,
    });
  }
}

function chosen(environment: PsqlCall['environment']): Record<string, string> {
  const found = passedOn.map((name) => [name, environment[name]] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

async function connection(folder: string, login: TenantLogin): Promise<Record<string, string>> {
  const { host, port, database, user, password, tls } = login;
  const passwordFile = join(folder, 'pgpass');
  const fields = ['*', '*', '*', user, password].map((field) => field.replaceAll(/[\\:]/g, '\\$&'));
  await writeFile(passwordFile, `${fields.join(':')}\n`, { mode: 0o600 });
  const authority = join(folder, 'ca.pem');
  const ca = tls.mode === 'verify-full' ? tls.ca : undefined;
  if (ca !== undefined) await writeFile(authority, ca, { mode: 0o600 });
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGDATABASE: database,
    PGUSER: user,
    PGPASSFILE: passwordFile,
    PGAPPNAME: 'tenant-manager console',
    PGSSLMODE: tls.mode,
    ...(tls.mode === 'verify-full' && { PGSSLROOTCERT: ca === undefined ? 'system' : authority }),
  };
}
