import type { TenantAction } from '../admin-api.ts';
import type { CliCommand } from '../cli-command.ts';
import { notEmpty } from '../option-values.ts';
import { reportChange } from '../report-change.ts';
import type { Act } from '../session.ts';

type StateCommand = {
  name: TenantAction;
  description: string;
  example: { line: string; does: string };
  done: string;
};
type Options = { reason?: string; json?: true };

const commands: readonly StateCommand[] = [
  {
    name: 'suspend',
    description: 'Refuse all requests of a tenant from now on; its data stays.',
    example: { line: 'tenant-cli suspend acme-corp --reason "invoice 17 is open"', does: 'for a reason' },
    done: 'is suspended.',
  },
  {
    name: 'maintenance',
    description: 'Refuse the requests of a tenant for a while, telling its clients to come back.',
    example: {
      line: 'tenant-cli maintenance acme-corp --reason "restoring a table"',
      does: 'until: tenant-cli activate acme-corp',
    },
    done: 'is in maintenance.',
  },
  {
    name: 'read-only',
    description: 'Answer the reads of a tenant and refuse its writes.',
    example: { line: 'tenant-cli read-only acme-corp', does: 'until: tenant-cli activate acme-corp' },
    done: 'is read-only.',
  },
  {
    name: 'activate',
    description: 'Answer the requests of a tenant again: one that is suspended, in maintenance or read-only.',
    example: { line: 'tenant-cli activate acme-corp', does: 'end a suspension' },
    done: 'is active.',
  },
];

/** The changes of state that are done when they are answered. */
export function addTenantStateCommands(program: CliCommand, act: Act): void {
  for (const { name, description, example, done } of commands) {
    program
      .command(name)
      .description(description)
      .argument('<tenant>', 'id or slug')
      .option('--reason <text>', 'why, for the audit log', notEmpty)
      .withJson()
      .withExamples(example)
      .action((key: string, { reason, json }: Options) =>
        act(async (session) => {
          const answer = await session.api.act(key, name, reason === undefined ? {} : { reason });
          return reportChange(session, { key, answer, done, json });
        }),
      );
  }
}
