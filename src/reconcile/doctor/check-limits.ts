import { lookAtQueueRedis } from '../../queue/inspect-queue-redis.ts';
import { type Check, ok, warning } from './check.ts';
import type { DoctorNeeds } from './doctor-needs.ts';

/** Whether all processes count requests and failed logins together. */
export async function checkLimits({
  limitsRedis,
  queueRedis,
}: Pick<DoctorNeeds, 'limitsRedis' | 'queueRedis'>): Promise<Check[]> {
  const told = { check: 'limits.place', subject: 'installation' };
  if (limitsRedis === undefined) {
    const detail =
      'Without CACHE_REDIS_URL and REDIS_URL each process counts requests and failed logins for itself.';
    return [ok({ ...told, detail })];
  }
  const variable = limitsRedis.url === queueRedis?.url ? 'REDIS_URL' : 'CACHE_REDIS_URL';
  const { findings } = await lookAtQueueRedis(limitsRedis);
  const unreachable = findings.find(({ kind }) => kind === 'unreachable');
  if (unreachable !== undefined) {
    const detail = `${unreachable.message} Meanwhile each process counts requests and failed logins for itself.`;
    return [warning({ ...told, detail, remedy: `Start it, or correct ${variable}.` })];
  }
  const detail = `All processes count requests and failed logins together, in ${variable}.`;
  return [ok({ ...told, detail })];
}
