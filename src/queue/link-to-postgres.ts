import { assertSchemaCompatibility, createPostgresBackend, type PgPool } from 'bullmq';
import pg from 'pg';
import type { BackendLink, LinkOptions, LinkRole } from './backend-link.ts';

/** How to reach the registry database. Direct, never through a pooler: the worker listens. */
export type QueueLogin = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ssl: false | { rejectUnauthorized: boolean };
};

export const queueSchema = 'bullmq';

/** As with Redis, a producer has its answer within a second; a worker's statements may meet a checkpoint. */
const waitingTimes = {
  producer: { connectionTimeoutMillis: 1_000, query_timeout: 1_000 },
  worker: { connectionTimeoutMillis: 5_000, query_timeout: 10_000 },
} as const satisfies Record<LinkRole, pg.PoolConfig>;

/** A listening connection never sends by itself, and by the kernel's own time would wait two hours for a dead host. */
const keepAliveAfterMs = 10_000;

/** A worker keeps one connection listening; two more are enough, since every statement takes about a millisecond. */
const poolSizes = { producer: 2, worker: 3 } as const satisfies Record<LinkRole, number>;

export function linkToPostgres(login: QueueLogin, { role, onError }: LinkOptions): BackendLink {
  const pool = new pg.Pool({
    ...login,
    ...waitingTimes[role],
    max: poolSizes[role],
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    application_name: `tenant-manager queue ${role}`,
    // BullMQ's statements name no schema. It pins this itself for pools of its own only.
    options: `-c search_path=${queueSchema}`,
  });
  pool.on('error', onError);
  // The pool takes its own listener off while a connection is out, and BullMQ looks at the schema on one that it
  // takes out: a break just then would end the process. The statement under way, or the next one, reports it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // BullMQ describes the pool of `pg` by overloads, pg's own types by a generic; they do not meet.
  const connection = pool as unknown as PgPool;
  return {
    factory: (name, options, more) => createPostgresBackend(name, { ...options, connection }, more),
    connection,
    async check() {
      await assertSchemaCompatibility(pool, queueSchema);
    },
    close: () => pool.end(),
  };
}
