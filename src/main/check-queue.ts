import type { Config } from '../config/load-config.ts';
import { errors } from '../errors/catalogue.ts';
import { inspectQueueRedis } from '../queue/inspect-queue-redis.ts';
import type { Logger } from '../telemetry/logger.ts';

/**
 * Looks whether the queue's Redis keeps what it is given. One that is down now may be up when it is needed.
 * @throws configuration_invalid in production, when jobs would be lost in it
 */
export async function checkQueue(config: Config, log: Logger): Promise<void> {
  if (config.REDIS_URL === undefined) return;
  const findings = await inspectQueueRedis({ url: config.REDIS_URL, password: config.REDIS_PASSWORD });
  const losing = findings.filter(({ kind }) => kind === 'evicts' || kind === 'too-old');
  if (config.isProduction && losing.length > 0) {
    throw errors.configurationInvalid(losing.map(({ message }) => `REDIS_URL: ${message}`).join('\n'));
  }
  for (const { message } of findings) log.warn(message);
}
