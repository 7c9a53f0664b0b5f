import type { ServerSession } from './server-session.ts';

/** Settings of a server on which it depends what a crash or a crowd does to it. */
export type ServerCondition = {
  readonly fsync: boolean;
  readonly fullPageWrites: boolean;
  /** `fsync` or `syncfs`; undefined before 14. */
  readonly recoverySync: string | undefined;
  /** Whether the server notices within a statement that its client is gone. */
  readonly watchesClients: boolean;
  readonly lockSlots: number;
  readonly connections: { readonly max: number; readonly reserved: number; readonly used: number };
};

type Row = { settings: Record<string, string>; used: number };

const ASKED = [
  'fsync',
  'full_page_writes',
  'recovery_init_sync_method',
  'client_connection_check_interval',
  'max_locks_per_transaction',
  'max_prepared_transactions',
  'max_connections',
  'superuser_reserved_connections',
  'reserved_connections',
];

export async function readServerCondition(session: Pick<ServerSession, 'rows'>): Promise<ServerCondition> {
  const [row] = await session.rows<Row>(
    `SELECT (SELECT json_object_agg(name, setting) FROM pg_settings WHERE name = ANY($1::text[])) AS settings,
            (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS used`,
    [ASKED],
  );
  if (row === undefined) throw new Error('The server gave no row for a query without FROM.');
  const { settings, used } = row;
  const number = (name: string) => Number(settings[name] ?? 0);
  return {
    fsync: settings.fsync !== 'off',
    fullPageWrites: settings.full_page_writes !== 'off',
    recoverySync: settings.recovery_init_sync_method,
    // Our own session has set it, where the server takes it.
    watchesClients: number('client_connection_check_interval') > 0,
    lockSlots:
      number('max_locks_per_transaction') * (number('max_connections') + number('max_prepared_transactions')),
    connections: {
      max: number('max_connections'),
      reserved: number('superuser_reserved_connections') + number('reserved_connections'),
      used,
    },
  };
}
