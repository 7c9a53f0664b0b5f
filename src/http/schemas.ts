import { z } from 'zod';

/** Parts of requests and answers that several endpoints share. */

/** ISO 8601, UTC. */
export const timestamp = z.iso.datetime();

export const uuid = z.uuid();

/** What cannot be stored or shown: control characters, NUL first of all, and halves of surrogate pairs. */
const unprintable = /[\p{Cc}\p{Cs}]/u;

/** Text for people, in any script; `min` and `max` count code points. */
export function humanText(min: number, max: number) {
  return z
    .string()
    .trim()
    .refine((text) => !unprintable.test(text), 'must not contain control characters')
    .refine((text) => {
      const { length } = [...text];
      return length >= min && length <= max;
    }, `must have ${min} to ${max} characters`);
}

export const organizationName = humanText(2, 255).meta({ examples: ['ACME Corp'] });
export const personName = humanText(1, 255);

/** Its quality is judged by identity; the bound keeps hashing cheap. */
export const password = z.string().min(1, 'must not be empty').max(1024, 'must have at most 1024 characters');

/** A short text to compare with, in a query. */
export const plainText = z
  .string()
  .min(1)
  .max(255)
  .refine((text) => !unprintable.test(text), 'must not contain control characters');

/** The success envelope. */
export function success<Data extends z.ZodType>(data: Data) {
  return z.object({ success: z.literal(true), message: z.string().optional(), data });
}

const nextPage = z.object({ next_cursor: z.string().nullable(), total: z.number().int().optional() });

/** The success envelope of a list. */
export function successPage<Item extends z.ZodType>(item: Item) {
  return z.object({ success: z.literal(true), data: z.array(item), page: nextPage });
}

/** `limit` and `cursor` of a list. */
export const pageQuery = {
  limit: z
    .stringFormat('limit', (text) => /^[1-9][0-9]{0,2}$/.test(text) && Number(text) <= 200)
    .transform(Number)
    .default(50),
  cursor: z.string().min(1).max(500).optional(),
};
