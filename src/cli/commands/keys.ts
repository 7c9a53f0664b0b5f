import { Option } from 'commander';
import type { CliCommand } from '../cli-command.ts';
import type { ListedKey } from '../key-api.ts';
import { type Look, paintStatus } from '../look.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { printable } from '../printable.ts';
import { readableAge, readableInstant } from '../readable.ts';
import type { Act, Session } from '../session.ts';
import { type Column, renderTable } from '../table.ts';

type JsonOption = { json?: true };
type CreateOptions = JsonOption & { scope: string; days?: number };

const dayMs = 86_400_000;

export function addKeysCommand(program: CliCommand, act: Act): void {
  const keys = program
    .command('keys')
    .description('Keys to the admin API beside SUPER_ADMIN_KEY, each with what it may do.');
  keys
    .command('list', { isDefault: true })
    .refusingOtherWords()
    .description('List keys, the newest first; what `tenant-cli keys` does.')
    .withJson()
    .withExamples({ line: 'tenant-cli keys', does: 'who has one, and which nobody uses' })
    .action((options: JsonOption) => act((session) => listKeys(session, options)));
  addCreate(keys, act);
  keys
    .command('revoke')
    .description('Revoke a key; it is refused everywhere at once.')
    .argument('<id>', 'its id')
    .withJson()
    .withExamples({ line: 'tenant-cli keys revoke 0199a0aa-…', does: 'when somebody leaves' })
    .action((id: string, options: JsonOption) => act((session) => revokeKey(session, id, options)));
}

function addCreate(keys: CliCommand, act: Act): void {
  keys
    .command('create')
    .description('Make a key. It is printed on stdout, once; it cannot be read again.')
    .argument('<name>', 'who has it, or what for')
    .addOption(
      new Option('--scope <scope>', 'read: look; operate: change tenants; owner: keys and servers as well')
        .choices(['read', 'operate', 'owner'])
        .makeOptionMandatory(),
    )
    .option('--days <days>', 'after how many days it expires (default: never)', wholeNumber(1, 36_500))
    .withJson()
    .withExamples({
      line: 'tenant-cli keys create monitoring --scope read --days 365 > monitoring.key',
      does: 'into a file, past the screen',
    })
    .action((name: string, options: CreateOptions) => act((session) => createKey(session, name, options)));
}

async function listKeys({ api, output, now }: Session, { json }: JsonOption): Promise<undefined> {
  const { raw, value } = await api.listKeys();
  if (json) await output.json(raw);
  else if (value.length > 0) await output.text(renderKeys(value, output.look, now()));
  if (value.length === 0) await output.say('None was made yet. Make one with: tenant-cli keys create');
}

async function createKey(session: Session, name: string, options: CreateOptions): Promise<undefined> {
  const { api, output, now } = session;
  notEmpty(name);
  const { scope, days, json } = options;
  const expiry =
    days === undefined ? {} : { expires_at: new Date(now().getTime() + days * dayMs).toISOString() };
  const { raw, value } = await api.createKey({ name, scope, ...expiry });
  if (json) await output.json(raw);
  else await output.text(`${printable(value.key)}\n`);
  await output.say(
    `${output.messageLook.paint('green', '✓')} ${printable(name)} may ${scope === 'owner' ? 'do everything' : scope}. Keep the key now: it is shown this once. Revoke it with: tenant-cli keys revoke ${printable(value.id)}`,
  );
}

async function revokeKey({ api, output }: Session, id: string, { json }: JsonOption): Promise<undefined> {
  const { raw, value } = await api.revokeKey(id);
  if (json) await output.json(raw);
  await output.say(`${output.messageLook.paint('green', '✓')} ${printable(value.name)} is revoked.`);
}

function renderKeys(keys: readonly ListedKey[], look: Look, now: Date): string {
  const instant = (text: string | null | undefined, otherwise: string) => {
    if (typeof text !== 'string') return otherwise;
    return look.isTerminal ? readableAge(text, now) : readableInstant(text);
  };
  const columns: Column<ListedKey>[] = [
    { head: 'ID', value: ({ id }) => id },
    { head: 'NAME', value: ({ name }) => name, shrinksTo: 8 },
    { head: 'SCOPE', value: ({ scope }) => scope },
    {
      head: 'STATUS',
      value: ({ status }) => status,
      paint: (text, { status }) => paintStatus(look, text, status === 'revoked' ? 'suspended' : status),
    },
    { head: 'EXPIRES', value: ({ expires_at: at }) => instant(at, 'never'), expendable: 2 },
    { head: 'LAST USED', value: ({ last_used_at: at }) => instant(at, 'never'), expendable: 1 },
    { head: 'MADE BY', value: ({ created_by: by }) => by ?? '-', shrinksTo: 8, expendable: 3 },
  ];
  return renderTable(keys, columns, look);
}
