import type { Tenant } from '../admin-api.ts';
import type { CliCommand } from '../cli-command.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { plural, readableNumber } from '../readable.ts';
import type { Act, Session } from '../session.ts';
import { renderTenants } from '../tenant-view.ts';

type ListOptions = {
  status?: string;
  plan?: string;
  q?: string;
  limit?: number;
  cursor?: string;
  all?: true;
  json?: true;
};

/** The most that one call of the API gives. */
const largestPage = 200;

export function addListCommand(program: CliCommand, act: Act): void {
  program
    .command('list')
    .description('List tenants, newest first.')
    .option(
      '--status <status>',
      'only those in this state, or several: active,suspended (default: all but deleted)',
      notEmpty,
    )
    .option('--plan <plan>', 'only those with this plan', notEmpty)
    .option('--q <text>', 'only those whose name or slug contains this', notEmpty)
    .option('--limit <number>', 'at most this many, 1 to 200 (default: 50)', wholeNumber(1, largestPage))
    .option('--cursor <cursor>', 'go on where a former list ended', notEmpty)
    .option('--all', 'fetch every page')
    .withJson()
    .withExamples(
      { line: 'tenant-cli list --status failed', does: 'tenants whose database could not be made' },
      { line: "tenant-cli list --all --json | jq -r '.[].slug'", does: 'every slug' },
    )
    .action((options: ListOptions) => act((session) => listTenants(session, options)));
}

type Listed = { raw: unknown[]; tenants: Tenant[]; nextCursor: string | null; total: number | undefined };

async function listTenants(session: Session, options: ListOptions): Promise<undefined> {
  const { output, now } = session;
  const listed = await fetchTenants(session, options);
  const { tenants } = listed;
  if (options.json) await output.json(listed.raw);
  else if (tenants.length > 0) await output.text(renderTenants(tenants, { look: output.look, now: now() }));
  await sayWhatIsMissing(session, listed, options);
}

async function fetchTenants({ api, output }: Session, options: ListOptions): Promise<Listed> {
  const { status, plan, q, all, limit = all ? largestPage : undefined } = options;
  // Counting is for people: they see how much of the list is shown.
  const count = output.look.isTerminal && !all ? 'true' : undefined;
  const filters = { status, plan, q, count, limit: limit?.toString() };
  const listed: Listed = { raw: [], tenants: [], nextCursor: options.cursor ?? null, total: undefined };
  do {
    const cursor = listed.nextCursor ?? undefined;
    const page = await api.listTenants(withoutUndefined({ ...filters, cursor }));
    listed.raw.push(...asArray(page.raw));
    listed.tenants.push(...page.value);
    listed.total = page.total ?? listed.total;
    // A cursor that does not move would ask for ever.
    listed.nextCursor = page.nextCursor === cursor ? null : page.nextCursor;
    if (all) await output.progress(`Fetching tenants … ${readableNumber(listed.tenants.length)}`);
  } while (all && listed.nextCursor !== null);
  await output.endProgress();
  return listed;
}

async function sayWhatIsMissing({ output }: Session, listed: Listed, options: ListOptions): Promise<void> {
  const { tenants, nextCursor, total } = listed;
  const { paint } = output.messageLook;
  if (nextCursor !== null) {
    const shown = `${plural(tenants.length, 'tenant')} shown${total === undefined ? '' : ` of ${readableNumber(total)}`}`;
    await output.say(paint('dim', `${shown}. More with: --cursor ${nextCursor}, or all with: --all`));
  } else if (tenants.length === 0) {
    await output.say(emptyMessage(options));
  } else if (output.look.isTerminal && !options.json) {
    await output.say(paint('dim', plural(tenants.length, 'tenant')));
  }
}

function emptyMessage({ status, plan, q, cursor }: ListOptions): string {
  const isNarrowed = [status, plan, q, cursor].some((value) => value !== undefined);
  if (isNarrowed) return 'No tenant is like that.';
  return 'There are no tenants yet. Make one with: tenant-cli create --name "ACME Corp" --email admin@acme.com';
}

function asArray(raw: unknown): unknown[] {
  return Array.isArray(raw) ? raw : [raw];
}

function withoutUndefined(query: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
