import { z } from 'zod';

/** What a variable of the environment may look like. Every parser takes the text and says what would be right. */

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration in milliseconds: a bare number counts in `bareUnit`, else `500ms`, `15m`, `24h`, `30d`. */
export const durationMs = (bareUnit: keyof typeof unitMs) =>
  z.string().transform((text, context) => {
    const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/i.exec(text.trim());
    if (match?.[1] === undefined) return refuse(context, 'must be a duration such as 500ms, 15m, 24h or 30d');
    const unit = (match[2]?.toLowerCase() ?? bareUnit) as keyof typeof unitMs;
    return Number(match[1]) * unitMs[unit];
  });

export const integer = (min: number, max: number) =>
  z.string().transform((text, context) => {
    const value = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      return refuse(context, `must be a whole number from ${min} to ${max}`);
    return value;
  });

export const port = integer(1, 65_535);

export const flag = z.stringbool({
  truthy: ['true', '1', 'yes', 'on'],
  falsy: ['false', '0', 'no', 'off'],
  error: 'must be true or false',
});

export const text = z.string().transform((value) => value.trim());

/** A comma-separated list without empty entries. */
export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ''),
);

export const oneOf = <const Values extends readonly [string, ...string[]]>(...values: Values) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

/** A URL of one of the schemes; the text stays as it is. */
export const url = (...schemes: string[]) => urlText(schemes, (value) => [value]);

/** One URL, or several separated by commas. */
export const urlList = (...schemes: string[]) => urlText(schemes, (value) => value.split(','));

const urlText = (schemes: string[], split: (value: string) => string[]) =>
  z.string().transform((value, context) => {
    const areRight = split(value).every(
      (each) => URL.canParse(each) && schemes.includes(new URL(each).protocol.slice(0, -1)),
    );
    if (!areRight) {
      return refuse(context, `must be a URL that begins with ${schemes.map((s) => `${s}://`).join(' or ')}`);
    }
    return value;
  });

export function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
