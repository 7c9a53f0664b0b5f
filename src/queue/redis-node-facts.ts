import { Cluster, type Redis } from 'ioredis';
import { awaitAnswer, connectRedis, type RedisAddress } from './link-to-redis.ts';
import { within } from './within.ts';

/** What a Redis says of itself; undefined where it does not. */
export type RedisNodeFacts = {
  /** `host:port`. */
  place: string;
  version: string | undefined;
  maxmemoryPolicy: string | undefined;
  /** Whether every write goes to disk (AOF). */
  isPersistent: boolean | undefined;
  usedBytes: number | undefined;
  /** 0: none. */
  maxBytes: number | undefined;
};

const limitMs = 3_000;

/** Asks every node by INFO, since CONFIG may be forbidden. @throws what connecting throws */
export async function readRedisNodes(address: RedisAddress): Promise<RedisNodeFacts[]> {
  const client = connectRedis(address, 'producer');
  // Whatever goes wrong rejects the question as well.
  client.on('error', () => undefined);
  try {
    return await within(limitMs, readNodes(client));
  } finally {
    client.disconnect();
  }
}

async function readNodes(client: Redis | Cluster): Promise<RedisNodeFacts[]> {
  await awaitAnswer(client);
  const nodes = client instanceof Cluster ? client.nodes('master') : [client];
  return Promise.all(nodes.map(readNode));
}

async function readNode(node: Redis): Promise<RedisNodeFacts> {
  const text = await node.info().catch(() => '');
  const aof = valueIn(text, 'aof_enabled');
  return {
    place: `${node.options.host}:${node.options.port}`,
    version: valueIn(text, 'redis_version'),
    maxmemoryPolicy: valueIn(text, 'maxmemory_policy'),
    isPersistent: aof === undefined ? undefined : aof === '1',
    usedBytes: numberIn(text, 'used_memory'),
    maxBytes: numberIn(text, 'maxmemory'),
  };
}

function valueIn(text: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1];
}

function numberIn(text: string, name: string): number | undefined {
  const value = valueIn(text, name);
  return value === undefined ? undefined : Number(value);
}
