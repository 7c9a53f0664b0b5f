import { randomUUID } from 'node:crypto';
import { Option } from 'commander';
import type { Accepted, NewTenant } from '../admin-api.ts';
import type { CliCommand } from '../cli-command.ts';
import { createFromFile } from '../create-from-file.ts';
import { type ExitCode, exitCodes, Failure, wrongUsage } from '../failure.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { type PasswordOptions, readPassword } from '../password-input.ts';
import { addPasswordOptions } from '../password-options.ts';
import { reportOutcome } from '../report-outcome.ts';
import type { Act, Session } from '../session.ts';
import { renderTenant } from '../tenant-view.ts';
import { waitForRun } from '../wait-for-run.ts';

type CreateOptions = PasswordOptions & {
  name?: string;
  email?: string;
  from?: string;
  adminName?: string;
  plan?: string;
  slug?: string;
  wait: number;
  idempotencyKey?: string;
  json?: true;
};

const usualWaitSeconds = 60;
/** Most tenants are there within it; after it, each step is shown. */
const silentWaitSeconds = 3;

export function addCreateCommand(program: CliCommand, act: Act): void {
  const command = program
    .command('create')
    .description('Make a tenant: an organization with its own database and its first administrator.')
    .option('--name <name>', 'name of the organization', notEmpty)
    .option('--email <address>', 'e-mail address of its first administrator', notEmpty)
    .addOption(
      new Option(
        '--from <file>',
        'make a tenant of each line: CSV with a line of column names (name, email, password, plan, slug …), or one JSON object a line',
      )
        .argParser(notEmpty)
        .conflicts(['name', 'email', 'adminName', 'plan', 'slug']),
    )
    .option('--admin-name <name>', 'name of its first administrator', notEmpty)
    .option('--plan <plan>', 'plan (default: the one of DEFAULT_PLAN)', notEmpty)
    .option('--slug <slug>', 'short name (default: made from the name)', notEmpty)
    .option(
      '--wait <seconds>',
      'how long to wait until it is active; 0 does not wait',
      wholeNumber(0, 3_600),
      usualWaitSeconds,
    )
    .option('--idempotency-key <key>', 'calls with the same key make one tenant only', notEmpty);
  addPasswordOptions(command)
    .withJson()
    .withExamples(
      {
        line: 'tenant-cli create --name "ACME Corp" --email admin@acme.com',
        does: 'asks for the password, then waits until the database is ready',
      },
      {
        line: 'tenant-cli create --name "ACME Corp" --email admin@acme.com --password-stdin --json < password.txt',
        does: 'for scripts',
      },
      { line: 'tenant-cli create --from customers.csv', does: 'many; goes on where a line is refused' },
    )
    .action((options: CreateOptions) => act((session) => create(session, options)));
}

async function create(session: Session, options: CreateOptions): Promise<ExitCode> {
  const { name, email, from: path, idempotencyKey, json } = options;
  if (path !== undefined) {
    const isGiven = options.passwordStdin === true || options.passwordFile !== undefined;
    const password = isGiven ? await readPassword(session.prompt, options) : undefined;
    return createFromFile(session, { path, password, idempotencyKey, json });
  }
  if (name === undefined || email === undefined) {
    throw wrongUsage(
      'A tenant needs --name and --email.',
      'Or make many: tenant-cli create --from customers.csv',
    );
  }
  return createTenant(session, { ...options, name, email });
}

type OneTenant = CreateOptions & { name: string; email: string };

async function createTenant(session: Session, options: OneTenant): Promise<ExitCode> {
  const { output, now, prompt } = session;
  const password = await readPassword(prompt, options);
  const deadline = now().getTime() + options.wait * 1_000;
  const doing = `Making the database of ${options.name}`;
  await output.progress(`${doing} …`);
  const accepted = await request(session, options, password);
  try {
    return await follow(session, accepted, { options, deadline, doing });
  } catch (error) {
    throw error instanceof Failure ? acceptedBut(error, accepted.slug ?? accepted.tenant_id) : error;
  }
}

type Course = { options: OneTenant; deadline: number; doing: string };

async function follow(session: Session, accepted: Accepted, course: Course): Promise<ExitCode> {
  const { api, output, now } = session;
  const { options, deadline, doing } = course;
  const { tenant_id: id, provisioning_id: provisioningId } = accepted;
  const run = provisioningId ? await waitForRun(session, { provisioningId, deadline, doing }) : undefined;
  const { raw, value: tenant } = await api.findTenant(id);
  if (options.json) await output.json(raw);
  else await output.text(renderTenant(tenant, { look: output.look, now: now() }));
  return reportOutcome(session, { tenant, run, waitSeconds: options.wait });
}

/** The tenant is on its way whatever becomes of this program. */
function acceptedBut(error: Failure, key: string): Failure {
  if (error.facts.passesByItself !== true) return error;
  const hints = [`${key} is accepted, its database is being made. Follow it with: tenant-cli show ${key}`];
  return new Failure({ ...error.facts, hints, exitCode: exitCodes.partly });
}

/** A lost answer is asked for once more under the same key, so that no second tenant comes of it. */
async function request({ api }: Session, options: OneTenant, password: string) {
  const { idempotencyKey: key = randomUUID() } = options;
  const headers = { key, waitSeconds: Math.min(options.wait, silentWaitSeconds) };
  const body = newTenant(options, password);
  try {
    return (await api.createTenant(body, headers)).value;
  } catch (error) {
    const isLost = error instanceof Failure && error.facts.isUnanswered === true;
    if (!isLost) throw error;
    return (await api.createTenant(body, headers)).value;
  }
}

function newTenant(options: OneTenant, password: string): NewTenant {
  const { name, email, adminName, plan, slug } = options;
  return {
    organization_name: name,
    admin_email: email,
    admin_password: password,
    ...(adminName === undefined ? {} : { admin_name: adminName }),
    ...(plan === undefined ? {} : { plan }),
    ...(slug === undefined ? {} : { slug }),
  };
}
