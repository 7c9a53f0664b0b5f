import { errors } from '../errors/catalogue.ts';
import type { MasterSeal } from '../registry/master-seal.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { claimIdempotencyKey, type IdempotencyClaim } from '../registry/repositories/idempotency-keys.ts';

const keepMs = 24 * 3_600_000;

export type ItemClaimsNeeds = { registry: RegistryDatabase; masterSeal: Pick<MasterSeal, 'hmac'> };

/**
 * A claim for each of many things that one request makes, so that a request which dies in the middle makes none of
 * them twice when it is repeated under its key. The request's own lease stands for all of them: theirs is over at
 * once, and whoever takes the request over takes them over.
 * @throws fenced when it is another's by now
 */
export function createItemClaims({ registry, masterSeal }: ItemClaimsNeeds) {
  return async function claimItem(
    { scope, key, owner }: IdempotencyClaim,
    { index, content }: { index: number; content: unknown },
  ): Promise<IdempotencyClaim> {
    // No key of a caller has a space in it.
    const claim = { scope, key: `${key} ${index}`, owner };
    const requestHmac = masterSeal.hmac(JSON.stringify(content));
    if (await claimIdempotencyKey(registry, { ...claim, requestHmac, leaseMs: 0, keepMs })) return claim;
    throw errors.fenced();
  };
}

export type ClaimItem = ReturnType<typeof createItemClaims>;
