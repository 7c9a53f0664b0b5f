import type { CliCommand } from '../cli-command.ts';
import { notEmpty, wholeNumber } from '../option-values.ts';
import { plural } from '../readable.ts';
import type { Act, Session } from '../session.ts';
import { renderUsers } from '../user-view.ts';

type UsersOptions = { limit?: number; cursor?: string; json?: true };

export function addUsersCommand(program: CliCommand, act: Act): void {
  program
    .command('users')
    .description('List the people of a tenant, by address.')
    .argument('<tenant>', 'id or slug')
    .option('--limit <number>', 'at most this many, 1 to 200 (default: 50)', wholeNumber(1, 200))
    .option('--cursor <cursor>', 'go on where a former list ended', notEmpty)
    .withJson()
    .withExamples({ line: 'tenant-cli users acme-corp', does: 'who may log in' })
    .action((key: string, options: UsersOptions) => act((session) => listUsers(session, key, options)));
}

async function listUsers(session: Session, key: string, options: UsersOptions): Promise<undefined> {
  const { api, output } = session;
  const { limit, cursor, json } = options;
  const query = {
    ...(limit !== undefined && { limit: String(limit) }),
    ...(cursor !== undefined && { cursor }),
  };
  const { raw, value: users, nextCursor } = await api.listUsers(key, query);
  if (json) await output.json(raw);
  else if (users.length > 0) await output.text(renderUsers(users, session));
  const { paint } = output.messageLook;
  if (users.length === 0) await output.say('Nobody belongs to it.');
  if (nextCursor !== null) {
    await output.say(
      paint('dim', `${plural(users.length, 'person')} shown. More with: --cursor ${nextCursor}`),
    );
  }
}
