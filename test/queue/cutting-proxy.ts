import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Both count from 1, in the order in which they come. */
export type Cut = { connection: number; answer: number; moment: 'instead of it' | 'after it' };

type Target = { host: string; port: number };

/** Passes connections on to a server, and ends one of them at one of the server's answers, as a crash would. */
export async function startCuttingProxy({ host, port }: Target, cut: Cut) {
  const open = new Set<Socket>();
  let connections = 0;
  let hasCut = false;
  const server = createServer((near) => {
    const far = connect({ host, port, noDelay: true });
    connections += 1;
    const isToBeCut = connections === cut.connection;
    let answers = 0;
    far.on('data', (answer) => {
      answers += 1;
      const isLast = isToBeCut && answers === cut.answer;
      if (!isLast || cut.moment === 'after it') near.write(answer);
      if (!isLast) return;
      hasCut = true;
      near.end();
      far.destroy();
    });
    near.on('data', (question) => far.write(question));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroySoon();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as { port: number }).port,
    hasCut: () => hasCut,
    async stop(): Promise<void> {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
