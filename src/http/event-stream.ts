import { PassThrough, type Readable } from 'node:stream';

export type ServerEvent = { id: string; event: string; data: unknown };

export type EventStreamOptions = {
  events: AsyncIterable<ServerEvent>;
  heartbeatMs: number;
  /** The stream has ended, whoever ended it: stop watching. */
  onEnd: () => void;
  /** Watching failed; the stream ends, and clients connect again by themselves. */
  onError: (error: unknown) => void;
};

/** How long a client waits before it connects again. */
const reconnectMs = 2_000;

/** Server-sent events, with comments in between that keep proxies from closing a silent connection. */
export function openEventStream({ events, heartbeatMs, onEnd, onError }: EventStreamOptions): Readable {
  const stream = new PassThrough();
  const heartbeat = setInterval(() => stream.write(': heartbeat\n\n'), heartbeatMs);
  stream.once('close', () => {
    clearInterval(heartbeat);
    onEnd();
  });
  stream.write(`retry: ${reconnectMs}\n\n`);
  write(events, stream)
    .catch(onError)
    .finally(() => stream.end());
  return stream;
}

async function write(events: AsyncIterable<ServerEvent>, stream: PassThrough): Promise<void> {
  for await (const { id, event, data } of events) {
    if (stream.destroyed) return;
    stream.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
