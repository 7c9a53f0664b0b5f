import { createHash, timingSafeEqual } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';

export type AdminKey = ReturnType<typeof createAdminKey>;

/** Compares presented admin keys with SUPER_ADMIN_KEY. */
export function createAdminKey(superAdminKey: string | undefined) {
  const expected = superAdminKey === undefined ? undefined : digest(superAdminKey);

  return {
    /**
     * @param presented every key that the request carries; several must all be right.
     * @returns the id of the key, for the audit log.
     * @throws errors.adminNotConfigured, errors.invalidAdminKey
     */
    check(presented: readonly string[]): string {
      if (expected === undefined) throw errors.adminNotConfigured();
      const matches = presented.map((key) => timingSafeEqual(digest(key), expected));
      if (matches.length === 0 || matches.includes(false)) throw errors.invalidAdminKey();
      return 'root';
    },
  };
}

/** Digests have one length, so that comparing them tells nothing about the length of the key. */
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
