import type { CliCommand } from '../cli-command.ts';
import type { AuditEntry } from '../key-api.ts';
import type { Look } from '../look.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { readableInstant } from '../readable.ts';
import type { Act, Session } from '../session.ts';
import { type Column, renderTable } from '../table.ts';

type AuditOptions = {
  tenant?: string;
  actor?: string;
  action?: string;
  since?: string;
  until?: string;
  limit?: number;
  cursor?: string;
  json?: true;
};

export function addAuditCommand(program: CliCommand, act: Act): void {
  program
    .command('audit')
    .description('Who did what, when, to whom; the newest first.')
    .option('--tenant <tenant>', 'only about this one: slug or id', notEmpty)
    .option('--actor <actor>', 'only by this one: id, root, or system, operator, user, anonymous', notEmpty)
    .option('--action <action>', 'only this: tenant.suspended; or all that begins so: tenant.', notEmpty)
    .option('--since <time>', 'from this moment on: 2026-01-31 or 2026-01-31T10:00:00Z', instant)
    .option('--until <time>', 'before this moment', instant)
    .option('--limit <number>', 'at most this many, 1 to 200 (default: 50)', wholeNumber(1, 200))
    .option('--cursor <cursor>', 'go on where a former list ended', notEmpty)
    .withJson()
    .withExamples(
      { line: 'tenant-cli audit --tenant acme-corp', does: 'all that was done to this tenant' },
      { line: 'tenant-cli audit --action admin_key. --since 2026-01-01', does: 'keys made and revoked' },
    )
    .action((options: AuditOptions) => act((session) => listAudit(session, options)));
}

/** What is no time is said by the API, which knows the option. */
function instant(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : at.toISOString();
}

async function listAudit({ api, output }: Session, options: AuditOptions): Promise<undefined> {
  const { json, limit, ...filters } = options;
  const query = {
    ...Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)),
    ...(limit !== undefined && { limit: String(limit) }),
  };
  const { raw, value: entries, nextCursor } = await api.listAudit(query);
  if (json) await output.json(raw);
  else if (entries.length > 0) await output.text(renderAudit(entries, output.look));
  if (entries.length === 0) await output.say('Nothing is like that.');
  if (nextCursor !== null) {
    await output.say(output.messageLook.paint('dim', `More with: --cursor ${nextCursor}`));
  }
}

function renderAudit(entries: readonly AuditEntry[], look: Look): string {
  const columns: Column<AuditEntry>[] = [
    { head: 'AT', value: ({ at }) => readableInstant(at) },
    { head: 'ACTOR', value: actorOf, shrinksTo: 10 },
    { head: 'ACTION', value: ({ action }) => action },
    { head: 'TENANT', value: ({ tenant }) => tenant?.slug ?? tenant?.id ?? '-', shrinksTo: 8 },
    { head: 'WHAT', value: whatOf, shrinksTo: 10, expendable: 1 },
    { head: 'REQUEST', value: ({ request_id: id }) => id ?? '-', shrinksTo: 8, expendable: 2 },
  ];
  return renderTable(entries, columns, look);
}

function actorOf({ actor: { kind, id } }: AuditEntry): string {
  return typeof id === 'string' ? `${kind} ${id}` : kind;
}

function whatOf({ before, after }: AuditEntry): string {
  const [was, is] = [before, after].map((each) => (each === null ? undefined : JSON.stringify(each)));
  if (was === undefined) return is ?? '-';
  return is === undefined ? was : `${was} → ${is}`;
}
