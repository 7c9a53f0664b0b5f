import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, Failure } from '../failure.ts';
import { printable } from '../printable.ts';
import type { Act, Session } from '../session.ts';

export function addConsoleCommand(program: CliCommand, act: Act): void {
  program
    .command('console')
    .description(
      'Open psql on the database of a tenant, as its own limited role. Works only where the configuration of the registry is; who opens it is in the audit log.',
    )
    .argument('<tenant>', 'id or slug')
    .argument('[psql...]', 'arguments for psql, behind --')
    .withExamples(
      { line: 'tenant-cli console acme-corp', does: 'at the terminal' },
      { line: 'tenant-cli console acme-corp -- -c "SELECT count(*) FROM companies"', does: 'one statement' },
    )
    .action((key: string, given: readonly string[]) => act((session) => openConsole(session, key, given)));
}

async function openConsole(session: Session, key: string, given: readonly string[]): Promise<ExitCode> {
  const { api, output } = session;
  if (session.openConsole === undefined) {
    throw new Failure({
      message: 'A console is not opened over HTTP, which gives out no password.',
      hints: [
        'Run this where GLOBAL_DATABASE_URL is set (or beside npm start), without TENANT_MANAGER_URL and TENANT_MANAGER_ADMIN_KEY.',
      ],
    });
  }
  const { value: tenant } = await api.findTenant(key);
  if (tenant.status !== 'active') {
    const note = `${tenant.slug} is ${tenant.status.replaceAll('_', ' ')}; the console does not mind.`;
    await output.say(`${output.messageLook.paint('yellow', 'note:')}  ${printable(note)}`);
  }
  return session.openConsole(tenant.id, given);
}
