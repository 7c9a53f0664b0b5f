import { createHash, timingSafeEqual } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import type { AdminScope } from './caller.ts';

/** Who an admin key belongs to, for the audit log, and what it may do. */
export type HeldKey = { keyId: string; scope: AdminScope };

/** Looks in the registry, so that a key that was revoked by another process is refused from then on. */
export type FindAdminKey = (hash: Buffer) => Promise<(HeldKey & { hash: Buffer }) | undefined>;

export type AdminKey = ReturnType<typeof createAdminKey>;

/** The root key; it is in no table. */
const root: HeldKey = { keyId: 'root', scope: 'owner' };

/** What a key that was given out looks like; nothing else is looked up. */
const givenOut = /^tmk_[A-Za-z0-9_-]{43}$/;

/** Compares presented admin keys with SUPER_ADMIN_KEY, and with those that were given out. */
export function createAdminKey(
  superAdminKey: string | undefined,
  findKey: FindAdminKey = async () => undefined,
) {
  const expected = superAdminKey === undefined ? undefined : hashAdminKey(superAdminKey);

  async function find(key: string): Promise<HeldKey | undefined> {
    const hash = hashAdminKey(key);
    if (expected !== undefined && timingSafeEqual(hash, expected)) return root;
    if (!givenOut.test(key)) return undefined;
    const found = await findKey(hash);
    if (found === undefined || !timingSafeEqual(hash, found.hash)) return undefined;
    return { keyId: found.keyId, scope: found.scope };
  }

  return {
    /**
     * @param presented every key that the request carries; they must all be right, and the same.
     * @throws errors.adminNotConfigured, errors.invalidAdminKey
     */
    async check(presented: readonly string[]): Promise<HeldKey> {
      const [first, ...others] = presented;
      const held = first === undefined ? undefined : await find(first);
      if (held !== undefined && others.every((other) => isSame(other, first))) return held;
      if (expected === undefined && !presented.some((key) => givenOut.test(key))) {
        throw errors.adminNotConfigured();
      }
      throw errors.invalidAdminKey();
    },
  };
}

/** Digests have one length, so that comparing them tells nothing about the length of the key. */
export function hashAdminKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function isSame(one: string, other = ''): boolean {
  return timingSafeEqual(hashAdminKey(one), hashAdminKey(other));
}
