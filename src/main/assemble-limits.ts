import { createSharedTallies } from '../cache/shared-tallies.ts';
import { createRateLimits, type RateLimits } from '../http/rate-limits.ts';
import type { Identity } from '../identity/identity.ts';
import { createLoginLockout, type LoginLockout } from '../identity/login-lockout.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { listPlans } from '../registry/repositories/plans.ts';
import type { Routing } from '../routing/routing.ts';
import type { Cache } from './assemble-cache.ts';
import type { ProcessParts } from './assemble-platform.ts';

export type Limits = {
  /** Undefined with ENABLE_RATE_LIMITING=false. */
  rates: RateLimits | undefined;
  /** Stays on whatever the switch says. */
  lockout: LoginLockout;
};

export type LimitsNeeds = {
  cache: Cache;
  registry: RegistryDatabase;
  routing: Pick<Routing, 'resolveTenant'>;
};

/** How old the limits of the plans may be. */
const keepPlansMs = 15_000;

/** Limits that all processes count together, in Redis where there is one. */
export function assembleLimits({ config, metrics }: ProcessParts, { cache, ...needs }: LimitsNeeds): Limits {
  const { open: openTallies } = createSharedTallies(cache);
  const onLimited = (reason: string) => metrics?.meters.rateLimited.inc({ reason });
  const rates = createRateLimits({
    openTallies,
    windowMs: config.RATE_LIMIT_WINDOW_MS,
    maxRequests: config.RATE_LIMIT_MAX_REQUESTS,
    requestsPerMinute: createPlanRates(needs),
    onLimited,
  });
  return {
    rates: config.ENABLE_RATE_LIMITING ? rates : undefined,
    lockout: createLoginLockout({ openTallies, onLimited }),
  };
}

function createPlanRates({
  registry,
  routing,
}: Omit<LimitsNeeds, 'cache'>): (tenantId: string) => Promise<number | null> {
  let plans: { readAt: number; rates: Promise<Map<string, number | null>> } | undefined;

  function readRates(): Promise<Map<string, number | null>> {
    const now = performance.now();
    if (plans !== undefined && now - plans.readAt < keepPlansMs) return plans.rates;
    const rates = listPlans(registry).then(
      (all) => new Map(all.map(({ key, requestsPerMinute }) => [key, requestsPerMinute])),
    );
    const read = { readAt: now, rates };
    plans = read;
    rates.catch(() => {
      if (plans === read) plans = undefined;
    });
    return rates;
  }

  return async (tenantId) => {
    const tenant = await routing.resolveTenant({ id: tenantId });
    // Who may not call at all is told so by what comes after this.
    return tenant === undefined ? null : ((await readRates()).get(tenant.plan) ?? null);
  };
}

/** The same identity, of which logins are guarded. */
export function guardLogins(identity: Identity, lockout: LoginLockout): Identity {
  const login: Identity['login'] = (request) =>
    lockout.guard({ email: request.email, address: request.address ?? 'unknown' }, () =>
      identity.login(request),
    );
  return { ...identity, login };
}
