import { lookAtQueueRedis, type QueueRedisFinding } from '../../queue/inspect-queue-redis.ts';
import type { RedisNodeFacts } from '../../queue/redis-node-facts.ts';
import { type Check, ok, problem, unknown, warning } from './check.ts';
import type { DoctorNeeds } from './doctor-needs.ts';

const subject = 'REDIS_URL';
const mostFull = 0.8;
const remedies: Record<QueueRedisFinding['kind'], string> = {
  unreachable: 'Start it, or correct REDIS_URL. Workers go on from the registry meanwhile.',
  'too-old': 'Upgrade Redis, or leave REDIS_URL empty to keep the queue in the registry database.',
  evicts: 'CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
  unknown: 'Allow INFO to the login of REDIS_URL.',
};

/** Whether the queue keeps what it is given. */
export async function checkQueue({ queueRedis }: Pick<DoctorNeeds, 'queueRedis'>): Promise<Check[]> {
  if (queueRedis === undefined) {
    const detail = 'Without REDIS_URL the queue lives in the registry database.';
    return [ok({ check: 'queue.place', subject: 'installation', detail })];
  }
  const { nodes, findings } = await lookAtQueueRedis(queueRedis);
  const found = findings.map(toCheck);
  const checks = [...found, ...nodes.flatMap(checkNode)];
  return checks;
}

function toCheck({ kind, message }: QueueRedisFinding): Check {
  const told = { check: 'queue.redis', subject, detail: message, remedy: remedies[kind] };
  return kind === 'unknown' ? unknown(told) : problem(told);
}

function checkNode({ place, version, maxmemoryPolicy, ...facts }: RedisNodeFacts): Check[] {
  const checks: Check[] = [];
  if (version !== undefined) {
    const detail = `Redis ${version} answers, with maxmemory-policy ${maxmemoryPolicy ?? 'unknown'}.`;
    checks.push(ok({ check: 'queue.reachable', subject: place, detail }));
  }
  checks.push(...checkMemory(place, facts));
  if (facts.isPersistent === false) {
    const detail =
      'It writes nothing to disk at once (no AOF). No registration is lost with it; what waits is rung for again from the registry.';
    const remedy = 'To spare that, set appendonly yes.';
    checks.push(warning({ check: 'queue.persistence', subject: place, detail, remedy }));
  }
  return checks;
}

function checkMemory(
  place: string,
  { usedBytes, maxBytes }: Pick<RedisNodeFacts, 'usedBytes' | 'maxBytes'>,
): Check[] {
  if (usedBytes === undefined || maxBytes === undefined) return [];
  const told = { check: 'queue.memory', subject: place };
  const used = `${(usedBytes / 1_048_576).toFixed(1)} MB are in use`;
  if (maxBytes === 0) return [ok({ ...told, detail: `${used}, without a limit.` })];
  const detail = `${used} of ${(maxBytes / 1_048_576).toFixed(1)} MB.`;
  if (usedBytes / maxBytes <= mostFull) return [ok({ ...told, detail })];
  const remedy = 'Raise maxmemory: with noeviction a full Redis takes no further job.';
  return [warning({ ...told, detail, remedy })];
}
