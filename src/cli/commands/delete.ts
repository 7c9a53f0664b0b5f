import { Option } from 'commander';
import { z } from 'zod';
import type { CliCommand } from '../cli-command.ts';
import { Failure, wrongUsage } from '../failure.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import { readableInstant } from '../readable.ts';
import { reportChange } from '../report-change.ts';
import type { Act, Session } from '../session.ts';

type DeleteOptions = { graceDays?: number; purge?: true; confirm?: string; json?: true };

export function addDeleteCommand(program: CliCommand, act: Act): void {
  program
    .command('delete')
    .description('Delete a tenant. Its data is kept for some days, unless it is purged.')
    .argument('<tenant>', 'id or slug')
    .option('--grace-days <number>', 'how long its data is kept (default: 30)', wholeNumber(0, 3_650))
    .addOption(new Option('--purge', 'destroy its database and roles now, for good').conflicts('graceDays'))
    .option('--confirm <slug>', 'the slug once more, for --purge without a question', notEmpty)
    .withJson()
    .withExamples(
      { line: 'tenant-cli delete acme-corp --grace-days 7', does: 'keep the data for a week' },
      { line: 'tenant-cli delete acme-corp --purge', does: 'destroy the data; asks for the slug first' },
    )
    .action((tenant: string, options: DeleteOptions) =>
      act((session) => deleteTenant(session, tenant, options)),
    );
}

async function deleteTenant(session: Session, key: string, options: DeleteOptions): Promise<undefined> {
  const { api } = session;
  const { graceDays, json } = options;
  if (options.purge) return purgeTenant(session, key, options);
  if (options.confirm !== undefined) throw wrongUsage('--confirm belongs to --purge.');
  const answer = await api.deleteTenant(
    key,
    graceDays === undefined ? {} : { grace_days: String(graceDays) },
  );
  const until = answer.value?.purge_after;
  const kept = typeof until === 'string' ? ` Its data is kept until ${readableInstant(until)}.` : '';
  return reportChange(session, {
    key,
    answer,
    done: `is deleted.${kept} Until then it comes back with: tenant-cli undelete ${key}`,
    json,
  });
}

async function purgeTenant(session: Session, key: string, options: DeleteOptions): Promise<undefined> {
  const confirm = options.confirm ?? (await askForSlug(session, key));
  const answer = await session.api.deleteTenant(key, { purge: 'true', confirm });
  return reportChange(session, { key, answer, done: 'is being destroyed.', json: options.json });
}

const isId = (key: string) => z.uuid().safeParse(key).success;

async function askForSlug({ api, prompt, output }: Session, key: string): Promise<string> {
  if (!prompt.isPossible) {
    const slug = isId(key) ? `<slug>, where the slug is what this says: tenant-cli show ${key}` : key;
    throw wrongUsage(
      '--purge destroys the data for good and needs to be confirmed.',
      `Add: --confirm ${slug}`,
    );
  }
  const { value: tenant } = await api.findTenant(key);
  await output.say(`This destroys the database of ${printable(tenant.name)} and everything in it, for good.`);
  const typed = await prompt.ask(`Type ${printable(tenant.slug)} to go on: `);
  if (typed.trim() !== tenant.slug) {
    throw new Failure({ message: 'That is not the slug. Nothing was changed.' });
  }
  return tenant.slug;
}
