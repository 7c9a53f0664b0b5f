import { readFileSync } from 'node:fs';
import type { AdminRequest } from '../cli/admin-request.ts';
import { createCli } from '../cli/create-cli.ts';
import { createHttpAdminRequest } from '../cli/http-admin-client.ts';
import { runPsql } from '../cli/run-psql.ts';
import type { CreateSuperAdmin, OpenConsole } from '../cli/session.ts';
import { settings } from '../config/config.ts';
import { findValue, readEnvironment } from '../config/read-environment.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { createAdminInProcess } from './admin-in-process.ts';
import { packageFile } from './apply-registry-migrations.ts';
import { explain } from './process-life.ts';

const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

type Reach = Pick<ReturnType<typeof createAdminInProcess>, 'request' | 'stop'> & {
  createSuperAdmin: CreateSuperAdmin | undefined;
  openConsole: OpenConsole | undefined;
};

/** The admin API of a running deployment when one is named, else the same code in this process. */
function reachAdminApi(): Reach {
  const environment = readEnvironment();
  const read = (name: 'TENANT_MANAGER_URL' | 'TENANT_MANAGER_ADMIN_KEY') =>
    findValue(name, settings[name], environment)?.value;
  const [url, key] = [read('TENANT_MANAGER_URL'), read('TENANT_MANAGER_ADMIN_KEY')];
  if (url === undefined && key === undefined) {
    const admin = createAdminInProcess();
    const openConsole: OpenConsole = async (tenantId, given) =>
      runPsql({ login: await admin.openTenantLogin(tenantId), arguments: given, environment });
    return { ...admin, openConsole };
  }
  if (url === undefined || key === undefined) {
    throw errors.configurationInvalid(
      'Set both TENANT_MANAGER_URL and TENANT_MANAGER_ADMIN_KEY to use a running deployment, or neither.',
    );
  }
  const warn = (text: string) => process.stderr.write(`${text}\n`);
  let request: AdminRequest | undefined;
  return {
    // Made at the first call, so that what is wrong with it is said as the command's own failure.
    request: async (call) => {
      request ??= createHttpAdminRequest({ url, key, warn });
      return request(call);
    },
    createSuperAdmin: undefined,
    openConsole: undefined,
    stop: async () => undefined,
  };
}

async function main(argv: readonly string[]): Promise<number> {
  const { NO_COLOR, TERM } = readEnvironment();
  const { request, createSuperAdmin, openConsole, stop } = reachAdminApi();
  const { stdin, stdout, stderr } = process;
  const io = { stdin, stdout, stderr, noColor: NO_COLOR !== undefined || TERM === 'dumb' };
  try {
    return await createCli({ version, request, createSuperAdmin, openConsole, io })(argv);
  } finally {
    await stop();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  explain(error);
  process.exitCode = error instanceof AppError && error.code === 'configuration_invalid' ? 2 : 1;
}
