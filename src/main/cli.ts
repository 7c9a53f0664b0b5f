import { readFileSync } from 'node:fs';
import { createCli } from '../cli/create-cli.ts';
import { createHttpAdminRequest } from '../cli/http-admin-client.ts';
import { readEnvironment } from '../config/read-environment.ts';
import { createAdminInProcess } from './admin-in-process.ts';
import { packageFile } from './apply-registry-migrations.ts';
import { explain } from './process-life.ts';

const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

/** The admin API of a running deployment when one is named, else the same code in this process. */
function reachAdminApi() {
  const { TENANT_MANAGER_URL: url, TENANT_MANAGER_ADMIN_KEY: key } = readEnvironment();
  if (url === undefined || key === undefined) return createAdminInProcess();
  const warn = (text: string) => process.stderr.write(`${text}\n`);
  return {
    request: createHttpAdminRequest({ url, key, warn }),
    createSuperAdmin: undefined,
    stop: async () => undefined,
  };
}

async function main(argv: readonly string[]): Promise<number> {
  const { NO_COLOR, TERM } = readEnvironment();
  const { request, createSuperAdmin, stop } = reachAdminApi();
  const { stdin, stdout, stderr } = process;
  const io = { stdin, stdout, stderr, noColor: NO_COLOR !== undefined || TERM === 'dumb' };
  try {
    return await createCli({ version, request, createSuperAdmin, io })(argv);
  } finally {
    await stop();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  explain(error);
  process.exitCode = 1;
}
