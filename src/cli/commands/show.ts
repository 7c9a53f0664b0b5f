import type { CliCommand } from '../cli-command.ts';
import type { Act, Session } from '../session.ts';
import { renderTenant } from '../tenant-view.ts';

type ShowOptions = { json?: true };

export function addShowCommand(program: CliCommand, act: Act): void {
  program
    .command('show')
    .description('Show one tenant.')
    .argument('<tenant>', 'id or slug')
    .withJson()
    .withExamples({ line: 'tenant-cli show acme-corp', does: 'state, plan, database and dates of a tenant' })
    .action((tenant: string, options: ShowOptions) => act((session) => showTenant(session, tenant, options)));
}

async function showTenant(
  { api, output, now }: Session,
  key: string,
  options: ShowOptions,
): Promise<undefined> {
  const { raw, value } = await api.findTenant(key);
  if (options.json) await output.json(raw);
  else await output.text(renderTenant(value, { look: output.look, now: now() }));
}
