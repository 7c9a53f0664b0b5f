import { readableAge, readableInstant } from './readable.ts';
import type { Session } from './session.ts';
import { renderTable } from './table.ts';
import type { TenantUser } from './tenant-api.ts';

export function renderUsers(
  users: readonly TenantUser[],
  { output, now }: Pick<Session, 'output' | 'now'>,
): string {
  const { look } = output;
  const time = (text: string) => (look.isTerminal ? readableAge(text, now()) : readableInstant(text));
  return renderTable(
    users,
    [
      { head: 'EMAIL', value: ({ email }) => email, shrinksTo: 16 },
      { head: 'NAME', value: ({ name }) => name ?? '-', shrinksTo: 8, expendable: 1 },
      { head: 'ROLE', value: ({ role }) => role },
      { head: 'JOINED', value: ({ joined_at: at }) => (at ? time(at) : '-'), expendable: 2 },
    ],
    look,
  );
}
