import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type pg from 'pg';
import type { ServerAddress } from './database-server.ts';

const cancelRequestCode = 80_877_102;
const sslRequestCode = 80_877_103;
const timeoutMs = 3_000;

/**
 * Asks the server to cancel what the client's connection is running (protocol: CancelRequest). Resolves when
 * the server has taken note, or could not be asked: a time-out then ends the statement. The connection must
 * not be given to anybody else afterwards: the signal may arrive when the statement is over.
 */
export async function cancelStatement(client: pg.Client, address: ServerAddress): Promise<void> {
  const key = cancelKey(client);
  if (key === undefined) return;
  const socket = connectPlain(address.port, address.host);
  socket.setTimeout(timeoutMs, () => socket.destroy());
  try {
    const channel = address.tls.mode === 'disable' ? socket : await encrypt(socket, address);
    channel.write(message(cancelRequestCode, [key.processId, key.secret]));
    await isClosed(channel);
  } catch {
    socket.destroy();
  }
}

type CancelKey = { processId: number; secret: number };

function cancelKey(client: pg.Client): CancelKey | undefined {
  const { processID, secretKey } = client as { processID?: unknown; secretKey?: unknown };
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return undefined;
  return { processId: processID, secret: secretKey };
}

/** Length, code, numbers: what the protocol allows before a login. */
function message(code: number, numbers: readonly number[]): Buffer {
  const buffer = Buffer.alloc(8 + 4 * numbers.length);
  buffer.writeInt32BE(buffer.length, 0);
  buffer.writeInt32BE(code, 4);
  numbers.forEach((value, index) => {
    buffer.writeInt32BE(value, 8 + 4 * index);
  });
  return buffer;
}

/** The key is a secret: where the connection is encrypted, the request is too, by the same rules. */
async function encrypt(socket: Socket, { host, tls }: ServerAddress): Promise<Socket> {
  socket.write(message(sslRequestCode, []));
  const [answer] = await waitFor<[Buffer]>(socket, 'data');
  if (answer.toString('latin1') !== 'S') throw new Error('The server does not speak TLS.');
  const isChecked = tls.mode === 'verify-full';
  const secure = connectTls({
    socket,
    host,
    rejectUnauthorized: isChecked,
    ...(tls.mode === 'verify-full' && tls.ca !== undefined ? { ca: tls.ca } : {}),
  });
  await waitFor(secure, 'secureConnect');
  return secure;
}

function waitFor<Args extends unknown[]>(socket: Socket, event: string): Promise<Args> {
  return new Promise((resolve, reject) => {
    socket.once(event, (...args) => resolve(args as Args));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('The server closed the connection.')));
  });
}

function isClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('error', () => resolve());
    socket.once('close', () => resolve());
    socket.resume();
  });
}
