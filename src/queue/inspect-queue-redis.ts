import { Cluster, type Redis } from 'ioredis';
import { awaitAnswer, connectRedis, type RedisAddress } from './link-to-redis.ts';
import { within } from './within.ts';

export type QueueRedisFinding = {
  /** `unreachable` passes by itself; `evicts` and `too-old` an operator must mend; `unknown`: Redis does not say. */
  kind: 'unreachable' | 'too-old' | 'evicts' | 'unknown';
  message: string;
};

const oldestVersion = [6, 2] as const;
const limitMs = 3_000;

/** What is wrong with the Redis of the queue; nothing if all is well. By INFO, since CONFIG may be forbidden. */
export async function inspectQueueRedis(address: RedisAddress): Promise<QueueRedisFinding[]> {
  const client = connectRedis(address, 'producer');
  // Whatever goes wrong rejects the question as well.
  client.on('error', () => undefined);
  try {
    return await within(limitMs, inspect(client));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [{ kind: 'unreachable', message: `The Redis of REDIS_URL does not answer: ${why}` }];
  } finally {
    client.disconnect();
  }
}

async function inspect(client: Redis | Cluster): Promise<QueueRedisFinding[]> {
  await awaitAnswer(client);
  const nodes = client instanceof Cluster ? client.nodes('master') : [client];
  const findings = await Promise.all(nodes.map(inspectNode));
  return findings.flat();
}

async function inspectNode(node: Redis): Promise<QueueRedisFinding[]> {
  const place = `${node.options.host}:${node.options.port}`;
  const text = await node.info().catch(() => '');
  const version = valueIn(text, 'redis_version');
  const policy = valueIn(text, 'maxmemory_policy');
  const findings: QueueRedisFinding[] = [];
  if (version === undefined || policy === undefined) {
    const message = `Redis at ${place} does not tell its version and maxmemory-policy. Version 6.2 or newer and noeviction are needed.`;
    findings.push({ kind: 'unknown', message });
  }
  if (version !== undefined && isTooOld(version)) {
    const message = `Redis at ${place} is version ${version}. The queue needs 6.2 or newer.`;
    findings.push({ kind: 'too-old', message });
  }
  if (policy !== undefined && policy !== 'noeviction') {
    const message = `Redis at ${place} has the maxmemory-policy ${policy} and may throw jobs away. Set it to noeviction, or leave REDIS_URL empty to keep the queue in the registry database.`;
    findings.push({ kind: 'evicts', message });
  }
  return findings;
}

function valueIn(text: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1];
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestVersion;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
