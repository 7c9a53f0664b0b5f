import type { CliCommand } from '../cli-command.ts';
import { Failure } from '../failure.ts';
import { notEmpty } from '../option-values.ts';
import { type PasswordOptions, readPassword } from '../password-input.ts';
import { addPasswordOptions } from '../password-options.ts';
import { printable } from '../printable.ts';
import type { Act, CreateSuperAdmin, Session } from '../session.ts';

type SuperAdminOptions = PasswordOptions & { email: string; name?: string; json?: true };

export function addSuperAdminCommand(program: CliCommand, act: Act): void {
  const superAdmin = program
    .command('super-admin')
    .description('People who may use the whole admin API with their own login.');
  const create = superAdmin
    .command('create')
    .description('Make a super admin. Works only where the configuration of the registry is.')
    .requiredOption('--email <address>', 'e-mail address', notEmpty)
    .option('--name <name>', 'name', notEmpty);
  addPasswordOptions(create)
    .withJson()
    .withExamples({
      line: 'tenant-cli super-admin create --email root@example.com',
      does: 'asks for the password',
    })
    .action((options: SuperAdminOptions) => act((session) => createSuperAdmin(session, options)));
}

async function createSuperAdmin(session: Session, options: SuperAdminOptions): Promise<undefined> {
  const { output, prompt } = session;
  const { email, name } = options;
  const make = reachable(session.createSuperAdmin);
  const password = await readPassword(prompt, options);
  const made = await make({ email, password, ...(name === undefined ? {} : { name }) });
  if (options.json) await output.json(made);
  await output.say(`${output.messageLook.paint('green', '✓')} ${printable(made.email)} is a super admin.`);
}

function reachable(createSuperAdmin: CreateSuperAdmin | undefined): CreateSuperAdmin {
  if (createSuperAdmin !== undefined) return createSuperAdmin;
  throw new Failure({
    message: 'A super admin is not made over HTTP, so that an admin key alone cannot make one.',
    hints: [
      'Run this where GLOBAL_DATABASE_URL is set (or beside npm start), without TENANT_MANAGER_URL and TENANT_MANAGER_ADMIN_KEY.',
    ],
  });
}
