import type { CliCommand } from '../cli-command.ts';
import { wrongUsage } from '../failure.ts';
import { notEmpty } from '../option-values.ts';
import { printable } from '../printable.ts';
import type { Act, Session } from '../session.ts';

type ClearOptions = { all?: true; reason?: string; json?: true };

export function addClearCacheCommand(program: CliCommand, act: Act): void {
  program
    .command('clear-cache')
    .description('Make all processes forget what they know of a tenant, or of all, and look again.')
    .argument('[tenant]', 'id or slug')
    .option('--all', 'of all tenants')
    .option('--reason <text>', 'why, for the audit log', notEmpty)
    .withJson()
    .withExamples(
      { line: 'tenant-cli clear-cache acme-corp', does: 'after its row was changed by hand' },
      { line: 'tenant-cli clear-cache --all', does: 'after the registry was restored' },
    )
    .action((key: string | undefined, options: ClearOptions) =>
      act((session) => clear(session, key, options)),
    );
}

async function clear(session: Session, key: string | undefined, options: ClearOptions): Promise<undefined> {
  const { all, reason, json } = options;
  if ((key === undefined) === (all === undefined)) {
    throw wrongUsage('Either one tenant is named, or --all is given.', 'See: tenant-cli clear-cache --help');
  }
  const { raw } = await session.api.clearCache(key, reason === undefined ? {} : { reason });
  const { output } = session;
  if (json) await output.json(raw);
  const whom = key === undefined ? 'all tenants' : printable(key);
  await output.say(`${output.messageLook.paint('green', '✓')} All processes look at ${whom} again.`);
}
