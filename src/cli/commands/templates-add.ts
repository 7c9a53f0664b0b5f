import type { CliCommand } from '../cli-command.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import type { Act, Session } from '../session.ts';
import { reportUnfinished, waitForRefresh } from '../wait-for-refresh.ts';
import { usualBuildWaitSeconds } from './templates-refresh.ts';

type AddOptions = { sourceDatabase: string; dataTables?: string; wait: number; json?: true };

export function addTemplatesAddCommand(templates: CliCommand, act: Act): void {
  templates
    .command('add')
    .description('Add a template: another source database, from which tenants that ask for it are made.')
    .argument('<key>', 'the name under which registrations ask for it')
    .requiredOption('--source-database <name>', 'the database whose schema they get', notEmpty)
    .option(
      '--data-tables <tables>',
      'tables whose rows they get as well, schema-qualified, separated by commas',
      notEmpty,
    )
    .option(
      '--wait <seconds>',
      'how long to wait until it is built; 0 does not wait',
      wholeNumber(0, 3_600),
      usualBuildWaitSeconds,
    )
    .withJson()
    .withExamples({
      line: 'tenant-cli templates add shop --source-database shop_schema --data-tables public.currencies',
      does: 'tenants are made from it with: "template": "shop"',
    })
    .action((key: string, options: AddOptions) => act((session) => addTemplate(session, key, options)));
}

async function addTemplate(session: Session, key: string, options: AddOptions): Promise<ExitCode> {
  const { api, output, now } = session;
  const deadline = now().getTime() + options.wait * 1_000;
  const { value: added } = await api.addTemplate({
    key,
    source_database: options.sourceDatabase,
    data_tables: tablesOf(options.dataTables),
  });
  await output.say(`${printable(key)} is known.`);
  const job = { key, jobId: added.job_id, deadline };
  const done = options.wait === 0 ? undefined : await waitForRefresh(session, job);
  if (options.json) await output.json((await api.findTemplate(key)).raw);
  if (done !== undefined) {
    await output.say(`${output.messageLook.paint('green', '✓')} ${printable(key)} is built.`);
    return exitCodes.done;
  }
  await reportUnfinished(session, key, options.wait);
  return options.wait === 0 ? exitCodes.done : exitCodes.partly;
}

function tablesOf(text = ''): string[] {
  return text
    .split(',')
    .map((table) => table.trim())
    .filter((table) => table !== '');
}
