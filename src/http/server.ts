import type { App } from './app.ts';
import { explainListenError } from './listen-error.ts';

/**
 * Connections that the kernel keeps until they are accepted, at most `net.core.somaxconn`. Node.js asks for 511: of
 * more who come within the same second, each would be silently dropped and come back after 1, 3 or 7 s.
 */
const backlog = 4_096;

export type ServerNeeds = { app: App; host: string; port: number };

/**
 * Opens the door.
 * @returns where it is, and how to close it: nobody new is let in, waiting callers are answered at once, event
 * streams end, and the others get their answers.
 * @throws port_taken
 */
export async function startServer({ app, host, port }: ServerNeeds) {
  try {
    const listening: Promise<string> = app.listen({ host, port, backlog });
    const url = await listening;
    const address = app.server.address();
    return {
      url,
      port: typeof address === 'object' && address !== null ? address.port : port,
      stop: (): Promise<void> => app.close(),
    };
  } catch (error) {
    await app.close();
    throw explainListenError(error, port, 'PORT');
  }
}
