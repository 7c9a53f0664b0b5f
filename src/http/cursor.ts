import { z } from 'zod';
import { errors } from '../errors/catalogue.ts';

const place = z.tuple([z.string(), z.string(), z.uuid()]);

export type Place = { value: string; id: string };

/** Makes the opaque text that names the place after a row; bound to the order in which rows come. */
export function writeCursor(sort: string, { value, id }: Place): string {
  return Buffer.from(JSON.stringify([sort, value, id])).toString('base64url');
}

/** @throws invalid_request for a text that `writeCursor` did not make for this order. */
export function readCursor(sort: string, cursor: string): Place {
  const parsed = place.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
  if (!parsed.success || parsed.data[0] !== sort || parsed.data[1].includes('\0')) {
    throw errors.invalidRequest([
      { path: 'cursor', message: 'must be the next_cursor of a list with the same sort' },
    ]);
  }
  const [, value, id] = parsed.data;
  return { value, id };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
