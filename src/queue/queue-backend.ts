import type { BackendLink, LinkOptions } from './backend-link.ts';
import { linkToPostgres, type QueueLogin } from './link-to-postgres.ts';
import { linkToRedis, type RedisAddress } from './link-to-redis.ts';

/** Where the queue lives: Redis if there is one, else the registry database. */
export type QueueBackend = ({ kind: 'redis' } & RedisAddress) | { kind: 'postgres'; login: QueueLogin };

/** Keys of one queue must lie in one slot of a cluster, which the braces see to. PostgreSQL has its schema. */
export const keyPrefix = '{tm}';

export function linkTo(backend: QueueBackend, options: LinkOptions): BackendLink {
  return backend.kind === 'redis' ? linkToRedis(backend, options) : linkToPostgres(backend.login, options);
}
