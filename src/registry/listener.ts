import pg from 'pg';
import type { RegistryLogin } from './registry-database.ts';

export type Pulse = {
  /** How often the server is asked whether it is still there. */
  everyMs: number;
  /** How long it has for an answer; less than `everyMs`. */
  answerWithinMs: number;
};

export type ListenerOptions = {
  login: RegistryLogin;
  applicationName: string;
  /** A LISTEN statement, and what else the connection begins with. */
  statement: string;
  pulse: Pulse;
  onPayload: (payload: string) => void;
  onError: (error: Error) => void;
};

export type Listener = {
  /** Resolves when nothing can be heard any more, whoever ended it. */
  ended: Promise<void>;
  close: () => Promise<void>;
};

const connectWithinMs = 5_000;
const keepAliveAfterMs = 10_000;

/**
 * One connection that listens. It never sends by itself, so a server that vanished without a word would be
 * believed for hours: it is asked now and then.
 * @throws what pg throws; nothing stays open then.
 */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { login, applicationName, statement, pulse, onPayload, onError } = options;
  const client = new pg.Client({
    ...login,
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    connectionTimeoutMillis: connectWithinMs,
    query_timeout: pulse.answerWithinMs,
  });
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  client.on('error', onError);
  client.on('notification', ({ payload }) => onPayload(payload ?? ''));
  try {
    await client.connect();
    await client.query(statement);
  } catch (error) {
    abandon(client);
    throw error;
  }
  const heart = beat(client, pulse, onError);
  void ended.then(() => clearInterval(heart));
  return { ended, close: () => client.end() };
}

function beat(client: pg.Client, pulse: Pulse, onError: (error: Error) => void): NodeJS.Timeout {
  return setInterval(() => {
    client.query('SELECT 1').catch((error: Error) => {
      onError(error);
      abandon(client);
    });
  }, pulse.everyMs);
}

/** Not awaited, since a server that is silent does not say goodbye. */
function abandon(client: pg.Client): void {
  void client.end();
}
