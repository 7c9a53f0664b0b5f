import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes, wrongUsage } from '../failure.ts';
import { followJob } from '../follow-job.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { type PasswordOptions, readPassword } from '../password-input.ts';
import { addPasswordOptions } from '../password-options.ts';
import { printable } from '../printable.ts';
import { checkedServer } from '../server-api.ts';
import type { Act, Session } from '../session.ts';

type AddOptions = PasswordOptions & {
  host: string;
  port: number;
  user: string;
  tls: string;
  ca?: string;
  region?: string;
  weight?: number;
  capacity?: number;
  capacityBytes?: number;
  wait: number;
  json?: true;
};

/** The templates are made there, too. */
export const usualServerWaitSeconds = 120;

export function addServersAddCommand(servers: CliCommand, act: Act): void {
  const add = servers
    .command('add')
    .description(
      'Add a server. A worker logs in there and makes the templates; then it takes tenants. The sources of the templates must be on it.',
    )
    .argument('<name>', 'how it is called here')
    .requiredOption('--host <host>', 'name or address, within ALLOWED_DATABASE_CIDRS', notEmpty)
    .requiredOption('--user <role>', 'a role that may create databases and roles', notEmpty)
    .option('--port <port>', 'its port', wholeNumber(1, 65_535), 5_432)
    .addOption(
      new Option('--tls <mode>', 'require does not check the certificate')
        .choices(['disable', 'require', 'verify-full'])
        .default('disable'),
    )
    .option('--ca <path>', 'certificate authority for verify-full, PEM', notEmpty)
    .option('--region <region>', 'for which tenants it is (default: REGION of the server)', notEmpty)
    .option('--weight <number>', 'with 0 it takes no new tenants (default: 1)', wholeNumber(0, 1_000))
    .option('--capacity <databases>', 'how many it may have (default: 1000)', wholeNumber(1, 1_000_000))
    .option('--capacity-bytes <bytes>', 'how much they may take', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option(
      '--wait <seconds>',
      'how long to wait for the test; 0 does not wait',
      wholeNumber(0, 3_600),
      usualServerWaitSeconds,
    );
  addPasswordOptions(add)
    .withJson()
    .withExamples({
      line: 'tenant-cli servers add eu-2 --host 10.0.0.12 --user postgres --tls require',
      does: 'asks for the password of postgres there',
    })
    .action((name: string, options: AddOptions) => act((session) => addServer(session, name, options)));
}

async function addServer(session: Session, name: string, options: AddOptions): Promise<ExitCode> {
  const { api, output, prompt, now } = session;
  const password = await readPassword(prompt, options);
  const deadline = now().getTime() + options.wait * 1_000;
  const { value: added } = await api.addServer({
    name,
    host: options.host,
    port: options.port,
    tls: await tlsOf(options),
    region: options.region,
    weight: options.weight,
    capacity_databases: options.capacity,
    capacity_bytes: options.capacityBytes,
    admin_user: options.user,
    admin_password: password,
  });
  await output.say(`${printable(name)} is known, and is tested by a worker.`);
  const job = { jobId: added.job_id, deadline, doing: `Testing ${name}`, result: checkedServer };
  const done = options.wait === 0 ? undefined : await followJob(session, job);
  if (options.json) await output.json((await api.findServer(name)).raw);
  if (done !== undefined) {
    const tick = output.messageLook.paint('green', '✓');
    await output.say(`${tick} ${printable(name)} (PostgreSQL ${printable(done.version)}) takes tenants.`);
    return exitCodes.done;
  }
  await output.say(`The test goes on. Follow it with: tenant-cli servers show ${printable(name)}`);
  return options.wait === 0 ? exitCodes.done : exitCodes.partly;
}

async function tlsOf({ tls: mode, ca: path }: AddOptions): Promise<{ mode: string; ca?: string }> {
  if (path === undefined) return { mode };
  if (mode !== 'verify-full') throw wrongUsage('--ca is for --tls verify-full.');
  try {
    return { mode, ca: await readFile(path, 'utf8') };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw wrongUsage(`The certificate authority cannot be read: ${why}.`);
  }
}
