import type { z } from 'zod';
import { errors } from '../errors/catalogue.ts';

/** Where a list goes on, as the client gets it: opaque, so that lists may change what they are ordered by. */
export function encodeCursor(lastKey: string): string {
  return Buffer.from(lastKey, 'utf8').toString('base64url');
}

/** @throws invalid_request for what this list never gave */
export function decodeCursor(cursor: string | undefined, key: z.ZodType<string>): string | undefined {
  if (cursor === undefined) return undefined;
  const parsed = key.safeParse(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (!parsed.success) {
    throw errors.invalidRequest([{ path: 'cursor', message: 'is no cursor of this list' }]);
  }
  return parsed.data;
}

/**
 * The page and its cursor, of rows read with a limit of one more than the page has.
 * @param keyOf what the list is ordered by
 */
export function cutPage<Row>(rows: readonly Row[], limit: number, keyOf: (row: Row) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { items, page: { next_cursor: hasMore ? encodeCursor(keyOf(last)) : null } };
}
