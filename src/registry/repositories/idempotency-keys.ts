import { sql } from 'kysely';
import { errors } from '../../errors/catalogue.ts';
import { publish } from '../messages.ts';
import type { RegistryExecutor } from '../registry-database.ts';

/** The right to answer the request that a key stands for; lost when its lease runs out. */
export type IdempotencyClaim = { scope: string; key: string; owner: string };

export type NewIdempotencyClaim = IdempotencyClaim & { requestHmac: Buffer; leaseMs: number; keepMs: number };

export type IdempotencyKey = {
  requestHmac: Buffer;
  sealedAnswer: string | null;
  /** Unanswered, and nobody is at it any more. */
  isAbandoned: boolean;
  isExpired: boolean;
};

/**
 * Takes a key that is new, expired, or abandoned by the same request. What an abandoned request has made stays
 * bound to the key.
 * @returns whether the caller has it now.
 */
export async function claimIdempotencyKey(
  executor: RegistryExecutor,
  { scope, key, owner, requestHmac, leaseMs, keepMs }: NewIdempotencyClaim,
): Promise<boolean> {
  const { rows } = await sql`
    INSERT INTO idempotency_keys AS old (scope, key, owner, request_hmac, leased_until, expires_at)
    VALUES (${scope}, ${key}, ${owner}, ${requestHmac}, ${inMs(leaseMs)}, ${inMs(keepMs)})
    ON CONFLICT (scope, key) DO UPDATE
    SET owner = excluded.owner,
        request_hmac = excluded.request_hmac,
        leased_until = excluded.leased_until,
        expires_at = excluded.expires_at,
        resource_id = CASE WHEN old.expires_at > now() THEN old.resource_id END,
        sealed_answer = NULL
    WHERE old.expires_at <= now()
       OR (old.sealed_answer IS NULL AND old.leased_until <= now() AND old.request_hmac = excluded.request_hmac)
    RETURNING owner`.execute(executor);
  return rows.length > 0;
}

export async function findIdempotencyKey(
  executor: RegistryExecutor,
  { scope, key }: Pick<IdempotencyClaim, 'scope' | 'key'>,
): Promise<IdempotencyKey | undefined> {
  return executor
    .selectFrom('idempotencyKeys')
    .select(['requestHmac', 'sealedAnswer'])
    .select(sql<boolean>`sealed_answer IS NULL AND leased_until <= now()`.as('isAbandoned'))
    .select(sql<boolean>`expires_at <= now()`.as('isExpired'))
    .where('scope', '=', scope)
    .where('key', '=', key)
    .executeTakeFirst();
}

export async function renewIdempotencyLease(
  executor: RegistryExecutor,
  claim: IdempotencyClaim,
  leaseMs: number,
): Promise<void> {
  await owned(executor, claim)
    .set({ leasedUntil: inMs(leaseMs) })
    .execute();
}

/** Lets a twin or a retry begin at once: this request has no answer that is worth keeping. */
export async function releaseIdempotencyKey(
  executor: RegistryExecutor,
  claim: IdempotencyClaim,
): Promise<void> {
  await owned(executor, claim)
    .set({ leasedUntil: inMs(0) })
    .execute();
  await publish(executor, { kind: 'answer.stored', scope: claim.scope, key: claim.key });
}

/** @returns false when a twin has taken over: then the twin's answer counts. */
export async function storeIdempotentAnswer(
  executor: RegistryExecutor,
  claim: IdempotencyClaim,
  sealedAnswer: string,
): Promise<boolean> {
  const { numUpdatedRows } = await owned(executor, claim).set({ sealedAnswer }).executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await publish(executor, { kind: 'answer.stored', scope: claim.scope, key: claim.key });
  return true;
}

/**
 * Writes what the key stands for, in the transaction that makes it.
 * @returns what an earlier, abandoned attempt has made under the key; null when this is the first.
 * @throws fenced when a twin has taken over.
 */
export async function bindIdempotencyResource(
  executor: RegistryExecutor,
  claim: IdempotencyClaim,
  resourceId: string,
): Promise<string | null> {
  const bound = await owned(executor, claim)
    .set(({ fn, val }) => ({ resourceId: fn.coalesce('resourceId', sql<string>`${val(resourceId)}::uuid`) }))
    .returning('resourceId')
    .executeTakeFirst();
  if (bound === undefined) throw errors.fenced();
  return bound.resourceId === resourceId ? null : bound.resourceId;
}

export async function deleteExpiredIdempotencyKeys(executor: RegistryExecutor): Promise<void> {
  await executor.deleteFrom('idempotencyKeys').where('expiresAt', '<=', sql<Date>`now()`).execute();
}

function owned(executor: RegistryExecutor, { scope, key, owner }: IdempotencyClaim) {
  return executor
    .updateTable('idempotencyKeys')
    .where('scope', '=', scope)
    .where('key', '=', key)
    .where('owner', '=', owner)
    .where('sealedAnswer', 'is', null);
}

const inMs = (ms: number) => sql<Date>`now() + ${ms} * interval '1 millisecond'`;
