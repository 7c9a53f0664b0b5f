import { dataErrors } from './data-error.ts';

/** What is inserted. The rows stay text: numbers pass through unread, so that none loses a digit. */
export type InsertBody = {
  /** A JSON array of objects. */
  readonly rows: string;
  readonly columns: readonly string[];
};

/** The most columns that a PostgreSQL table can have. */
const maxColumns = 1_600;

/**
 * Finds out which columns a body sets: those of `columns`, or the members that all its objects have.
 * @throws PGRST102
 */
export function parseBody(text: string, columns: readonly string[] | undefined): InsertBody {
  const value = parseJson(text);
  const isList = Array.isArray(value);
  const objects: unknown[] = isList ? value : [value];
  if (!objects.every(isObject)) {
    throw dataErrors.invalidBody('The body must be a JSON object or an array of JSON objects');
  }
  const found = columns ?? sharedKeys(objects);
  if (found.length > maxColumns) throw dataErrors.invalidBody('More columns than a table can have');
  return { rows: isList ? text : `[${text}]`, columns: [...new Set(found)] };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw dataErrors.invalidBody('Empty or invalid json');
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function sharedKeys(objects: readonly object[]): string[] {
  const [first, ...others] = objects;
  const keys = Object.keys(first ?? {});
  const isShared = others.every((other) => {
    const otherKeys = Object.keys(other);
    return otherKeys.length === keys.length && keys.every((key) => Object.hasOwn(other, key));
  });
  if (!isShared) throw dataErrors.invalidBody('All object keys must match');
  return keys;
}
