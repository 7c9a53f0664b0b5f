import type { CliCommand } from '../cli-command.ts';
import { reportChange } from '../report-change.ts';
import type { Act, Session } from '../session.ts';

type UndeleteOptions = { json?: true };

export function addUndeleteCommand(program: CliCommand, act: Act): void {
  program
    .command('undelete')
    .description('Take a deletion back, within its days of grace: the tenant is what it was before.')
    .argument('<tenant>', 'id or slug')
    .withJson()
    .withExamples({ line: 'tenant-cli undelete acme-corp', does: 'suspended tenants come back suspended' })
    .action((tenant: string, options: UndeleteOptions) =>
      act((session) => undeleteTenant(session, tenant, options)),
    );
}

async function undeleteTenant(session: Session, key: string, { json }: UndeleteOptions): Promise<undefined> {
  const answer = await session.api.act(key, 'undelete');
  const status = answer.value?.status?.replaceAll('_', ' ') ?? 'what it was before';
  return reportChange(session, { key, answer, done: `is ${status} again.`, json });
}
