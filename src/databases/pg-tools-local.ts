import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { errors } from '../errors/catalogue.ts';
import type { ServerAddress } from './database-server.ts';
import { runTool, type ToolOutcome, type ToolRun } from './pg-tools-child.ts';
import type { PgTools, RestoreRequest, ToolLogin } from './pg-tools-contract.ts';
import type { FoundTools } from './pg-tools-find.ts';
import { inPrivateFolder } from './pg-tools-folder.ts';
import { CHILD_ENVIRONMENT, connectionParameters, passwordLine } from './pg-tools-login.ts';
import { judgeRestore, restoreOptions } from './pg-tools-outcome.ts';

/** pg_dump and pg_restore of this machine. */
export function createLocalTools(found: FoundTools): PgTools {
  return {
    where: found.pgDump,
    major: found.major,
    dump: async ({ login, options, file, signal }) => {
      const args = [...options, '--no-password', `--file=${file}`, `--dbname=${connectionString(login)}`];
      const outcome = await runAs(login, { command: found.pgDump, args, signal });
      if (outcome.code !== 0) throw errors.pgDumpFailed(outcome.lastWords);
    },
    list: async (archive, options, signal) => {
      const args = ['--list', ...options, archive];
      const outcome = await runTool({ command: found.pgRestore, args, env: {}, signal });
      if (outcome.code !== 0)
        throw errors.pgDumpFailed(`it wrote an incomplete archive (${outcome.lastWords})`);
      return outcome.stdout;
    },
    restore: async (request) =>
      judgeRestore(await restoreLocally(found, request), found, request.serverMajor),
  };
}

async function restoreLocally(found: FoundTools, request: RestoreRequest): Promise<ToolOutcome> {
  return inPrivateFolder(async (folder) => {
    const list = join(folder, 'list');
    await writeFile(list, request.entries.map((entry) => `${entry};\n`).join(''), { mode: 0o600 });
    const options = restoreOptions(found.major, request.serverMajor);
    const args = [...options, '--no-password', `--use-list=${list}`];
    args.push(`--dbname=${connectionString(request.login)}`, request.archive);
    return runAs(request.login, { command: found.pgRestore, args, signal: request.signal });
  });
}

/** The password is in a file that nobody else can read, and for as long as the child runs only. */
async function runAs(login: ToolLogin, run: Omit<ToolRun, 'env'>): Promise<ToolOutcome> {
  return inPrivateFolder(async (folder) => {
    const passwordFile = join(folder, 'pgpass');
    await writeFile(passwordFile, passwordLine(login.password), { mode: 0o600 });
    const tls = await tlsEnvironment(login.address, folder);
    const env = { ...CHILD_ENVIRONMENT, ...tls, HOME: folder, PGPASSFILE: passwordFile };
    return runTool({ ...run, env });
  });
}

function connectionString({ address, user, database }: ToolLogin): string {
  return connectionParameters({ host: address.host, port: String(address.port), user, dbname: database });
}

async function tlsEnvironment({ tls }: ServerAddress, folder: string): Promise<Record<string, string>> {
  if (tls.mode !== 'verify-full') return { PGSSLMODE: tls.mode };
  // Without an authority of its own a server is checked against the same ones as our other connections.
  const authorities = tls.ca ?? rootCertificates.join('\n');
  const file = join(folder, 'authorities.pem');
  await writeFile(file, authorities, { mode: 0o600 });
  return { PGSSLMODE: 'verify-full', PGSSLROOTCERT: file };
}
