import type { Tallies, Tally } from '../cache/tally.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { Caller, Member } from './caller.ts';

/** Whose requests are counted together, and how many of them are answered. */
export type Rate = {
  name: 'anonymous' | 'user' | 'tenant' | 'admin_key';
  limit: number;
  windowMs: number;
} & Tally;

export type RateLimitsNeeds = {
  openTallies: (name: string, windowMs: number) => Tallies;
  /** RATE_LIMIT_WINDOW_MS and RATE_LIMIT_MAX_REQUESTS. */
  windowMs: number;
  maxRequests: number;
  /** Of the plan of a tenant; null where it has none. */
  requestsPerMinute: (tenantId: string) => Promise<number | null>;
  onLimited: (reason: Rate['name']) => void;
};

const minuteMs = 60_000;
/** Wrong admin keys of one address within a minute. */
const mostWrongKeys = 10;

export type RateLimits = ReturnType<typeof createRateLimits>;

/**
 * How often anybody may call: addresses while nothing is known of who calls, else tenants by their plan. Operators
 * are not counted, but wrong admin keys are.
 */
export function createRateLimits(needs: RateLimitsNeeds) {
  const { windowMs, maxRequests, openTallies, onLimited } = needs;
  const addresses = openTallies('address', windowMs);
  const users = openTallies('user', windowMs);
  const tenants = openTallies('tenant', minuteMs);
  const wrongKeys = openTallies('wrong-key', minuteMs);

  /** @throws rate_limited, or what is handed in. */
  function assertWithin(rate: Rate, error: () => AppError = errors.rateLimited): void {
    if (rate.count <= rate.limit) return;
    onLimited(rate.name);
    throw error()
      .after(Math.ceil(rate.resetMs / 1_000))
      .with({ limit: rate.name });
  }

  async function countAddress(address: string): Promise<Rate> {
    const tally = await addresses.add(address);
    return { name: 'anonymous', limit: maxRequests, windowMs, ...tally };
  }

  async function countMember({ tenantId, userId }: Member): Promise<Rate | undefined> {
    if (tenantId === null) {
      return { name: 'user', limit: maxRequests, windowMs, ...(await users.add(userId)) };
    }
    const limit = await needs.requestsPerMinute(tenantId);
    if (limit === null) return undefined;
    return { name: 'tenant', limit, windowMs: minuteMs, ...(await tenants.add(tenantId)) };
  }

  /** Also the right key is refused then: else its holder could be told from the answers. */
  async function assertFewWrongKeys(address: string, count: 'add' | 'read'): Promise<void> {
    const tally = await wrongKeys[count](address);
    // The next one would be the eleventh.
    const limit = count === 'add' ? mostWrongKeys : mostWrongKeys - 1;
    assertWithin({ name: 'admin_key', limit, windowMs: minuteMs, ...tally }, errors.tooManyAttempts);
  }

  return {
    assertWithin,

    /**
     * Counts a call whose caller is known. @returns undefined for one without limit.
     * @throws too_many_attempts
     */
    async countCall(caller: Caller, isOperatorRoute: boolean, address: string): Promise<Rate | undefined> {
      if (caller.kind === 'anonymous') return countAddress(address);
      if (!isOperatorRoute) return caller.kind === 'member' ? countMember(caller) : undefined;
      if (caller.kind === 'operator') await assertFewWrongKeys(address, 'read');
      return undefined;
    },

    /** Who cannot prove who he is counts as anybody. @throws rate_limited, too_many_attempts. */
    async countRefusal(error: unknown, address: string): Promise<void> {
      if (!(error instanceof AppError) || error.status !== 401) return;
      if (error.code === errors.invalidAdminKey.definition.code) await assertFewWrongKeys(address, 'add');
      else assertWithin(await countAddress(address));
    },
  };
}
