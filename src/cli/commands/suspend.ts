import type { CliCommand } from '../cli-command.ts';
import { notEmpty } from '../option-values.ts';
import { reportChange } from '../report-change.ts';
import type { Act, Session } from '../session.ts';

type SuspendOptions = { reason?: string; json?: true };

export function addSuspendCommand(program: CliCommand, act: Act): void {
  program
    .command('suspend')
    .description('Refuse all requests of a tenant from now on; its data stays.')
    .argument('<tenant>', 'id or slug')
    .option('--reason <text>', 'why, for the audit log', notEmpty)
    .withJson()
    .withExamples({
      line: 'tenant-cli suspend acme-corp --reason "invoice 17 is open"',
      does: 'for a reason',
    })
    .action((tenant: string, options: SuspendOptions) =>
      act((session) => suspendTenant(session, tenant, options)),
    );
}

async function suspendTenant(session: Session, key: string, options: SuspendOptions): Promise<undefined> {
  const { reason, json } = options;
  const answer = await session.api.act(key, 'suspend', reason === undefined ? {} : { reason });
  return reportChange(session, { key, answer, done: 'is suspended.', json });
}
