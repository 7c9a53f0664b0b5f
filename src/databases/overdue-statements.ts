import type { ServerSession } from './server-session.ts';

export type Overdue = {
  /** Application names of the sessions that are looked at begin like this. */
  readonly applicationPrefix: string;
  /** How long a statement may run, and a transaction lie idle. */
  readonly limitMs: number;
  /** How much longer before the session itself is ended: it heeds no cancelling. */
  readonly patienceMs: number;
};

export type EndedStatement = {
  readonly database: string;
  readonly state: string;
  readonly isSessionEnded: boolean;
};

/**
 * Cancels what runs for too long, and ends sessions that lie idle in a transaction or do not heed it. A tenant can
 * lift `statement_timeout` for its session by a function of its own; this limit it cannot reach.
 */
export function endOverdueStatements(
  session: Pick<ServerSession, 'rows'>,
  { applicationPrefix, limitMs, patienceMs }: Overdue,
): Promise<EndedStatement[]> {
  return session.rows<EndedStatement>(
    `WITH overdue AS MATERIALIZED (
       SELECT pid, datname::text AS database, state,
              state <> 'active' OR query_start < now() - ($2::int + $3::int) * interval '1 millisecond' AS is_to_end
         FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND starts_with(application_name, $1)
          AND ((state = 'active' AND query_start < now() - $2::int * interval '1 millisecond')
            OR (starts_with(state, 'idle in transaction') AND state_change < now() - $2::int * interval '1 millisecond')))
     SELECT database, state, is_to_end AS "isSessionEnded"
       FROM overdue WHERE CASE WHEN is_to_end THEN pg_terminate_backend(pid) ELSE pg_cancel_backend(pid) END`,
    [applicationPrefix, limitMs, patienceMs],
  );
}
