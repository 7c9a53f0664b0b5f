import { z } from 'zod';
import { errors } from '../errors/catalogue.ts';
import { decodeCursor, encodeCursor } from './list-cursor.ts';

/** A place in a list that can be sorted in several ways: what its last row was sorted by, and its id. */
export type Place = { value: string; id: string };

/** The cursor is bound to the order in which the rows came. */
export function encodePlace(sort: string, { value, id }: Place): string {
  return encodeCursor(JSON.stringify([sort, value, id]));
}

/**
 * @param value what such rows are sorted by
 * @throws invalid_request for what a list of this order never gave
 */
export function decodePlace(
  cursor: string | undefined,
  sort: string,
  value: z.ZodType<string>,
): Place | undefined {
  const text = decodeCursor(cursor, z.string());
  if (text === undefined) return undefined;
  const parsed = z.tuple([z.literal(sort), value, z.uuid()]).safeParse(parseJson(text));
  if (!parsed.success) {
    const message = 'must be the next_cursor of a list with the same sort';
    throw errors.invalidRequest([{ path: 'cursor', message }]);
  }
  const [, place, id] = parsed.data;
  return { value: place, id };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
