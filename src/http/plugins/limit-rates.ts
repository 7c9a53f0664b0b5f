import type { FastifyReply, FastifyRequest } from 'fastify';
import { neededScope } from '../caller.ts';
import { clientAddress } from '../client-address.ts';
import type { Rate, RateLimits } from '../rate-limits.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Health checks and webhooks: whoever calls them cannot help calling often. */
    isUnlimited?: true;
  }
}

/** Counts a call whose caller is known, and tells him how many more he has. @throws rate_limited */
export async function limitCall(
  limits: RateLimits,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { access, isUnlimited } = request.routeOptions.config;
  if (isUnlimited && !request.is404) return;
  const isOperatorRoute = access !== undefined && neededScope(access) !== undefined;
  const rate = await limits.countCall(request.caller, isOperatorRoute, clientAddress(request.ip));
  if (rate === undefined) return;
  reply.headers(rateHeaders(rate));
  limits.assertWithin(rate);
}

/** Counts a call whose caller proved nothing. @throws rate_limited, too_many_attempts */
export function limitRefusal(limits: RateLimits, request: FastifyRequest, error: unknown): Promise<void> {
  return limits.countRefusal(error, clientAddress(request.ip));
}

/** As draft-ietf-httpapi-ratelimit-headers has them. */
function rateHeaders({ name, limit, windowMs, count, resetMs }: Rate): Record<string, string> {
  return {
    'ratelimit-policy': `"${name}";q=${limit};w=${Math.ceil(windowMs / 1_000)}`,
    ratelimit: `"${name}";r=${Math.max(0, limit - count)};t=${Math.ceil(resetMs / 1_000)}`,
  };
}
