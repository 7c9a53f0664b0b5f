import { type RawBuilder, sql } from 'kysely';
import { createLastingListener } from './lasting-listener.ts';
import { openListener, type Pulse } from './listener.ts';
import type { RegistryExecutor, RegistryLogin } from './registry-database.ts';
import { type RegistryMessage, readMessage } from './registry-message.ts';

type MessageKind = RegistryMessage['kind'];
type MessageOf<Kind extends MessageKind> = Extract<RegistryMessage, { kind: Kind }>;
type Handler = (message: RegistryMessage) => void;

const channel = 'tm_messages';
const listenStatement = 'LISTEN tm_messages';
const usualPulse: Pulse = { everyMs: 10_000, answerWithinMs: 5_000 };

/** Sends when the transaction commits; a NOTIFY within a rolled back transaction is never sent. */
export async function publish(executor: RegistryExecutor, message: RegistryMessage): Promise<void> {
  await sql`SELECT ${notification(message)}`.execute(executor);
}

/** The call that sends it, for a statement that does something else as well. */
export function notification(message: RegistryMessage): RawBuilder<unknown> {
  return sql`pg_notify(${channel}, ${JSON.stringify(message)})`;
}

export type MessagesOptions = {
  login: RegistryLogin;
  applicationName: string;
  /** A lock that the connection holds, together with whoever else holds it: others see by it who is there. */
  presenceKey?: bigint;
  /** Told of connections that broke or could not be made, of what is no message, and of handlers that threw. */
  onError: (error: Error) => void;
  pulse?: Pulse;
};

/** The one listening connection of a process; it reconnects by itself until `stop`. */
export function createMessages(options: MessagesOptions) {
  const { onError, pulse = usualPulse, presenceKey, ...connection } = options;
  const present = presenceKey === undefined ? '' : `; SELECT pg_advisory_lock_shared(${presenceKey}::bigint)`;
  const statement = `${listenStatement}${present}`;
  const handlers = new Map<MessageKind, Set<Handler>>();
  const reconnectHandlers = new Set<() => void>();

  /** All of this runs in the callback of a socket, where whatever is thrown would end the process. */
  function guarded(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      onError(error as Error);
    }
  }

  function dispatch(payload: string): void {
    const message = readMessage(payload);
    if (message === undefined) {
      onError(new Error(`Something that is no message was sent to ${channel}; it is dropped`));
      return;
    }
    for (const handle of handlers.get(message.kind) ?? []) guarded(() => handle(message));
  }

  const { start, stop, isConnected } = createLastingListener({
    open: () => openListener({ ...connection, statement, pulse, onPayload: dispatch, onError }),
    onReconnect() {
      for (const handle of reconnectHandlers) guarded(handle);
    },
    onError,
  });

  return {
    start,
    stop,
    isConnected,

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
  };
}

export type Messages = ReturnType<typeof createMessages>;
