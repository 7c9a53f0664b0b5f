import type { CliCommand } from '../cli-command.ts';
import { renderFigures } from '../figures-view.ts';
import type { Act, Session } from '../session.ts';

type StatsOptions = { json?: true };

export function addStatsCommand(program: CliCommand, act: Act): void {
  program
    .command('stats')
    .description('Count tenants by state and plan, and what they take.')
    .withJson()
    .withExamples({ line: 'tenant-cli stats', does: 'the whole platform in figures' })
    .action((options: StatsOptions) => act((session) => showStats(session, options)));
}

async function showStats({ api, output }: Session, { json }: StatsOptions): Promise<undefined> {
  const { raw, value } = await api.stats();
  if (json) await output.json(raw);
  else await output.text(renderFigures('Platform', value, output.look));
}
