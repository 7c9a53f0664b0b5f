import { sql } from 'kysely';
import pg from 'pg';
import type { RegistryExecutor, RegistryLogin } from './registry-database.ts';

/**
 * What processes tell each other: always by LISTEN/NOTIFY of the registry, sent by the transaction that made
 * it true. A message may be lost with its connection; whoever acts on one must also look by itself in time.
 */
export type RegistryMessage =
  | { kind: 'run.changed'; runId: string; tenantId: string }
  | { kind: 'tenant.changed'; tenantId: string; slug: string }
  | { kind: 'outbox.added' }
  | { kind: 'sessions.changed'; userId: string }
  | { kind: 'answer.stored'; scope: string; key: string };

type MessageKind = RegistryMessage['kind'];
type MessageOf<Kind extends MessageKind> = Extract<RegistryMessage, { kind: Kind }>;
type Handler = (message: RegistryMessage) => void;

const channel = 'tm_messages';
const firstRetryMs = 200;
const longestRetryMs = 5_000;

/** Sends when the transaction commits; a NOTIFY within a rolled back transaction is never sent. */
export async function publish(executor: RegistryExecutor, message: RegistryMessage): Promise<void> {
  await sql`SELECT pg_notify(${channel}, ${JSON.stringify(message)})`.execute(executor);
}

export type MessagesOptions = {
  login: RegistryLogin;
  applicationName: string;
  onError: (error: Error) => void;
};

/** The one listening connection of a process; it reconnects by itself until `stop`. */
export function createMessages({ login, applicationName, onError }: MessagesOptions) {
  const handlers = new Map<MessageKind, Set<Handler>>();
  const reconnectHandlers = new Set<() => void>();
  let client: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let stopped = false;

  function dispatch(payload: string | undefined): void {
    const message = JSON.parse(payload ?? '{}') as RegistryMessage;
    for (const handle of handlers.get(message.kind) ?? []) handle(message);
  }

  async function connect(delayMs: number): Promise<void> {
    const next = new pg.Client({
      ...login,
      application_name: applicationName,
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    });
    next.on('error', onError);
    next.on('notification', ({ payload }) => dispatch(payload));
    next.on('end', () => scheduleReconnect(delayMs));
    await next.connect();
    await next.query(`LISTEN ${channel}`);
    client = next;
    if (stopped) await next.end();
  }

  function scheduleReconnect(delayMs: number): void {
    client = undefined;
    if (stopped || retry !== undefined) return;
    retry = setTimeout(() => {
      retry = undefined;
      connect(Math.min(delayMs * 2, longestRetryMs)).then(
        () => {
          for (const handle of reconnectHandlers) handle();
        },
        (error: Error) => {
          onError(error);
          scheduleReconnect(Math.min(delayMs * 2, longestRetryMs));
        },
      );
    }, delayMs);
  }

  return {
    /** Connects for the first time; if that fails it is tried again in the background. */
    async start(): Promise<void> {
      await connect(firstRetryMs).catch((error: Error) => {
        onError(error);
        scheduleReconnect(firstRetryMs);
      });
    },

    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(retry);
      await client?.end();
    },

    /** @returns how to stop listening. */
    on<Kind extends MessageKind>(kind: Kind, handle: (message: MessageOf<Kind>) => void): () => void {
      const set = handlers.get(kind) ?? new Set<Handler>();
      handlers.set(kind, set.add(handle as Handler));
      return () => set.delete(handle as Handler);
    },

    /** Called after a broken connection is back: messages may have been lost meanwhile. */
    onReconnect(handle: () => void): void {
      reconnectHandlers.add(handle);
    },

    isConnected: () => client !== undefined,
  };
}

export type Messages = ReturnType<typeof createMessages>;
