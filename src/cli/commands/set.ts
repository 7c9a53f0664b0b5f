import type { CliCommand } from '../cli-command.ts';
import { wrongUsage } from '../failure.ts';
import { notEmpty } from '../option-values.ts';
import { reportChange } from '../report-change.ts';
import type { Act, Session } from '../session.ts';

type SetOptions = {
  name?: string;
  plan?: string;
  region?: string;
  tags?: string;
  reason?: string;
  json?: true;
};

export function addSetCommand(program: CliCommand, act: Act): void {
  program
    .command('set')
    .description('Change name, plan, region or tags of a tenant.')
    .argument('<tenant>', 'id or slug')
    .option('--name <name>', 'name of the organization', notEmpty)
    .option('--plan <plan>', 'any plan, also one that customers cannot choose', notEmpty)
    .option('--region <region>', 'recorded; the database stays where it is', notEmpty)
    .option('--tags <tags>', 'all of its tags, separated by commas; "" takes them away')
    .option('--reason <text>', 'why, for the audit log', notEmpty)
    .withJson()
    .withExamples(
      { line: 'tenant-cli set acme-corp --plan enterprise --reason "contract 4711"', does: 'another plan' },
      { line: 'tenant-cli set acme-corp --tags vip,beta', does: 'these tags and no others' },
    )
    .action((key: string, options: SetOptions) => act((session) => setTenant(session, key, options)));
}

async function setTenant(session: Session, key: string, options: SetOptions): Promise<undefined> {
  const { json, tags, reason, ...plain } = options;
  const change = { ...plain, ...(tags !== undefined && { tags: tagsOf(tags) }) };
  if (Object.keys(change).length === 0) {
    throw wrongUsage('Nothing to change was named.', 'Add: --name, --plan, --region or --tags');
  }
  const answer = await session.api.amendTenant(key, { ...change, ...(reason !== undefined && { reason }) });
  return reportChange(session, { key, answer, done: 'is changed.', json });
}

function tagsOf(text: string): string[] {
  return text
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}
