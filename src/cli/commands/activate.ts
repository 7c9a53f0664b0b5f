import type { CliCommand } from '../cli-command.ts';
import { reportChange } from '../report-change.ts';
import type { Act, Session } from '../session.ts';

type ActivateOptions = { json?: true };

export function addActivateCommand(program: CliCommand, act: Act): void {
  program
    .command('activate')
    .description('Answer the requests of a suspended tenant again.')
    .argument('<tenant>', 'id or slug')
    .withJson()
    .withExamples({ line: 'tenant-cli activate acme-corp', does: 'end a suspension' })
    .action((tenant: string, options: ActivateOptions) =>
      act((session) => activateTenant(session, tenant, options)),
    );
}

async function activateTenant(session: Session, key: string, { json }: ActivateOptions): Promise<undefined> {
  const answer = await session.api.act(key, 'activate');
  return reportChange(session, { key, answer, done: 'is active.', json });
}
