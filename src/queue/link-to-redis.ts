import { once } from 'node:events';
import { createRedisBackend } from 'bullmq';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { BackendLink, LinkOptions, LinkRole } from './backend-link.ts';

/** One URL, or those of some nodes of a cluster with commas between them. */
export type RedisAddress = { url: string; password?: string | undefined };

export type RedisClient = Redis | Cluster;

/** How replies are mapped is part of ioredis' types for a client, and must not be left open. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** How long a producer waits for a connection and for an answer. */
const answerWithinMs = 1_000;
const longestReconnectMs = 1_000;
/** A worker's fetch blocks for 5 s; after three times that without a byte the host is gone without a word. */
const silentSocketMs = 15_000;

export function linkToRedis(address: RedisAddress, { role, onError }: LinkOptions): BackendLink {
  const client = connectRedis(address, role);
  client.on('error', onError);
  return {
    // BullMQ's own look at the version at connect fails for good when Redis goes away just then.
    factory: (name, options, more) =>
      createRedisBackend(name, { ...options, connection: client, skipVersionCheck: true }, more),
    connection: client,
    check: () => awaitAnswer(client),
    async close() {
      client.disconnect();
    },
  };
}

/** The only place that knows how a URL becomes a connection, to one Redis or to a cluster. */
export function connectRedis({ url, password }: RedisAddress, role: LinkRole): RedisClient {
  const nodes = url
    .split(',')
    .map((node) => new URL(node.includes('://') ? node.trim() : `redis://${node.trim()}`));
  const [first] = nodes;
  if (first === undefined) throw new TypeError('A Redis URL is needed.');
  const options = { ...loginOptions(first, password), ...waitingOptions(role) };
  const retryStrategy = (attempt: number) => Math.min(attempt * 50, longestReconnectMs);
  const enableOfflineQueue = role === 'worker';
  if (nodes.length === 1) {
    const place = { host: hostOf(first), port: portOf(first), db: Number(first.pathname.slice(1) || 0) };
    return new Redis({ ...options, ...place, retryStrategy, enableOfflineQueue });
  }
  return new Cluster(
    nodes.map((node) => ({ host: hostOf(node), port: portOf(node) })),
    {
      redisOptions: options,
      enableOfflineQueue,
      clusterRetryStrategy: retryStrategy,
      // Managed clusters with TLS name their nodes by host names, which their certificates are for.
      ...(options.tls ? { dnsLookup: (address, found) => found(null, address) } : {}),
    },
  );
}

/** Rejects at the first error of the connection, at the latest after `answerWithinMs`. */
export async function awaitAnswer(client: RedisClient): Promise<void> {
  const signal = AbortSignal.timeout(answerWithinMs);
  if (client.status !== 'ready') await once(client, 'ready', { signal });
  await Promise.race([client.ping(), rejectOnAbort(signal)]);
}

function loginOptions(url: URL, password: string | undefined): ClientOptions {
  const secret = url.password === '' ? password : decodeURIComponent(url.password);
  return {
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(secret === undefined || secret === '' ? {} : { password: secret }),
    ...(url.protocol === 'rediss:' ? { tls: { servername: hostOf(url) } } : {}),
  };
}

function waitingOptions(role: LinkRole): ClientOptions {
  const both: ClientOptions = {
    connectTimeout: 2_000,
    keepAlive: 10_000,
    // After a failover the address may still lead to the former master, which is read-only now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  return role === 'producer'
    ? { ...both, commandTimeout: answerWithinMs, maxRetriesPerRequest: 1 }
    : { ...both, socketTimeout: silentSocketMs, maxRetriesPerRequest: null };
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf(url: URL): number {
  return Number(url.port || 6379);
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
