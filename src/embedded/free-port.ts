import { createServer } from 'node:net';

/** A port of 127.0.0.1 that nobody listens on; `preferred` when it is still free. */
export async function findFreePort(preferred?: number): Promise<number> {
  const kept = preferred === undefined ? null : await tryPort(preferred);
  return kept ?? (await tryPort(0)) ?? findFreePort();
}

function tryPort(port: number): Promise<number | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen({ port, host: '127.0.0.1' }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });
}
