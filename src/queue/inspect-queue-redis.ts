import type { RedisAddress } from './link-to-redis.ts';
import { type RedisNodeFacts, readRedisNodes } from './redis-node-facts.ts';

export type QueueRedisFinding = {
  /** `unreachable` passes by itself; `evicts` and `too-old` an operator must mend; `unknown`: Redis does not say. */
  kind: 'unreachable' | 'too-old' | 'evicts' | 'unknown';
  message: string;
};

const oldestVersion = [6, 2] as const;

/** What is wrong with the Redis of the queue; nothing if all is well. */
export async function inspectQueueRedis(address: RedisAddress): Promise<QueueRedisFinding[]> {
  const { findings } = await lookAtQueueRedis(address);
  return findings;
}

/** The same, with what its nodes say of themselves. */
export async function lookAtQueueRedis(
  address: RedisAddress,
): Promise<{ nodes: RedisNodeFacts[]; findings: QueueRedisFinding[] }> {
  try {
    const nodes = await readRedisNodes(address);
    return { nodes, findings: nodes.flatMap(judgeNode) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `The Redis of REDIS_URL does not answer: ${why}`;
    return { nodes: [], findings: [{ kind: 'unreachable', message }] };
  }
}

function judgeNode({ place, version, maxmemoryPolicy: policy }: RedisNodeFacts): QueueRedisFinding[] {
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

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestVersion;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
