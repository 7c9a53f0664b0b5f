import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export type SilentProxy = Awaited<ReturnType<typeof startSilentProxy>>;

type SilentProxyTarget = {
  host: string;
  port: number;
  /** A connection that sends these words vanishes by itself. */
  silentAfter?: string;
};

/** Passes connections on to a server, until its present ones are told to vanish without a word. */
export async function startSilentProxy({ silentAfter, ...target }: SilentProxyTarget) {
  const pairs = new Map<Socket, Socket>();
  const silence = (near: Socket, far: Socket) => {
    near.unpipe(far);
    far.unpipe(near);
    far.destroy();
    near.resume();
  };
  const server = createServer((near) => {
    const far = connect(target);
    pairs.set(near, far);
    near.on('data', (chunk) => {
      if (silentAfter !== undefined && chunk.includes(silentAfter)) silence(near, far);
    });
    near.pipe(far);
    far.pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.on('close', () => {
      far.destroy();
      pairs.delete(near);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    host: '127.0.0.1',
    port,
    openConnections: () => pairs.size,
    /** As when a machine loses its power: what is sent gets no answer, nothing is closed. New ones work. */
    silence(): void {
      for (const [near, far] of pairs) silence(near, far);
    },
    async close(): Promise<void> {
      for (const near of pairs.keys()) near.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
