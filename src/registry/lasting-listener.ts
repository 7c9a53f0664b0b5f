import type { Listener } from './listener.ts';

export type LastingListenerNeeds = {
  open: () => Promise<Listener>;
  /** Called after a broken connection is back. */
  onReconnect: () => void;
  onError: (error: Error) => void;
};

const firstRetryMs = 200;
const longestRetryMs = 5_000;

/** Keeps one listener open until `stop`, with growing pauses between attempts that fail. */
export function createLastingListener({ open, onReconnect, onError }: LastingListenerNeeds) {
  let listener: Listener | undefined;
  let attempt: Promise<void> = Promise.resolve();
  let retry: NodeJS.Timeout | undefined;
  let delayMs = firstRetryMs;
  let isStopped = false;

  async function connect(): Promise<void> {
    const next = await open();
    if (isStopped) return next.close();
    listener = next;
    delayMs = firstRetryMs;
    void next.ended.then(() => {
      listener = undefined;
      connectLater();
    });
  }

  function failed(error: Error): void {
    onError(error);
    connectLater();
  }

  function connectLater(): void {
    if (isStopped) return;
    retry = setTimeout(() => {
      attempt = connect().then(() => {
        if (!isStopped) onReconnect();
      }, failed);
    }, delayMs);
    delayMs = Math.min(delayMs * 2, longestRetryMs);
  }

  return {
    /** Connects for the first time; if that fails it is tried again in the background. */
    async start(): Promise<void> {
      if (isStopped) return;
      attempt = connect().catch(failed);
      await attempt;
    },

    async stop(): Promise<void> {
      isStopped = true;
      clearTimeout(retry);
      await attempt;
      await listener?.close();
    },

    isConnected: () => listener !== undefined,
  };
}
