import { dataErrors } from './data-error.ts';
import type { Condition, DataQuery, IsOperand, OrderTerm, SelectItem } from './data-query.ts';
import { TextCursor } from './text-cursor.ts';

const single = ['select', 'order', 'limit', 'offset', 'columns'] as const;
const notYet = ['and', 'or', 'not.and', 'not.or', 'on_conflict'];

/**
 * Reads PostgREST's query language as far as this version goes. The text is that after the `?`.
 * @throws PGRST100 for what cannot be read, PGRST103 for a negative limit or offset.
 */
export function parseQuery(queryString: string): DataQuery {
  const parameters = [...new URLSearchParams(queryString)];
  const only = Object.fromEntries(single.map((name) => [name, onlyValue(parameters, name)]));
  return {
    select: parseSelect(only.select ?? ''),
    conditions: parameters.filter(([name]) => !isReserved(name)).map(parseFilter),
    order: only.order === undefined ? [] : parseOrder(only.order),
    limit: parseCount('limit', only.limit),
    offset: parseCount('offset', only.offset) ?? 0,
    columns: only.columns === undefined ? undefined : parseColumns(only.columns),
  };
}

function onlyValue(parameters: readonly [string, string][], wanted: string): string | undefined {
  const [first, second] = parameters.filter(([name]) => name === wanted);
  if (second !== undefined) throw dataErrors.unparsable(`failed to parse ${wanted}`, 1, 'it is given twice');
  return first?.[1];
}

const isReserved = (name: string) => (single as readonly string[]).includes(name);

function parseSelect(text: string): SelectItem[] {
  if (text.trim() === '') return [{ kind: 'all' }];
  return parseList(new TextCursor(text, 'failed to parse select parameter'), parseSelectItem);
}

function parseSelectItem(cursor: TextCursor): SelectItem {
  if (cursor.take(/\*/y) !== undefined) return { kind: 'all' };
  if (cursor.startsWith('...')) cursor.failUnsupported('embedding another table is');
  const name = cursor.takeName();
  const isAlias = cursor.take(/:(?!:)/y) !== undefined;
  const column = isAlias ? cursor.takeName() : name;
  if (cursor.startsWith('->')) cursor.failUnsupported('a JSON path is');
  if (cursor.startsWith('::')) cursor.failUnsupported('a cast is');
  if (cursor.startsWith('(') || cursor.startsWith('!')) cursor.failUnsupported('embedding another table is');
  if (cursor.startsWith('.')) cursor.failUnsupported('an aggregate is');
  return { kind: 'column', column, alias: isAlias ? name : undefined };
}

function parseOrder(text: string): OrderTerm[] {
  return parseList(new TextCursor(text, 'failed to parse order'), parseOrderTerm);
}

function parseOrderTerm(cursor: TextCursor): OrderTerm {
  const column = cursor.takeName();
  if (cursor.startsWith('->')) cursor.failUnsupported('a JSON path is');
  if (cursor.startsWith('(')) cursor.failUnsupported('ordering by another table is');
  const direction = cursor.take(/\.(asc|desc)\b/y)?.[1];
  const nulls = cursor.take(/\.nulls(first|last)\b/y)?.[1];
  return {
    column,
    direction: direction as OrderTerm['direction'],
    nulls: nulls as OrderTerm['nulls'],
  };
}

function parseColumns(text: string): string[] {
  return parseList(new TextCursor(text, 'failed to parse columns parameter'), (cursor) => cursor.takeName());
}

function parseList<Item>(cursor: TextCursor, parseItem: (cursor: TextCursor) => Item): Item[] {
  const items: Item[] = [];
  do {
    cursor.take(/[ \t]+/y);
    items.push(parseItem(cursor));
    cursor.take(/[ \t]+/y);
  } while (cursor.take(/,/y) !== undefined);
  if (!cursor.isAtEnd) cursor.fail('"," or end of input');
  return items;
}

function parseFilter([name, text]: [string, string]): Condition {
  const column = parseFilterName(name);
  const cursor = new TextCursor(text, 'failed to parse filter');
  const operator = cursor.take(/([a-z]+)(?=[.(])/y)?.[1];
  if (operator === undefined || !knownOperators.has(operator)) {
    cursor.fail('"not" or operator (eq, gt, ...)');
  }
  if (operator === 'eq' && cursor.take(/\./y) !== undefined) {
    return { kind: 'equals', column, value: cursor.rest() };
  }
  if (operator === 'is' && cursor.take(/\./y) !== undefined) return parseIs(column, cursor);
  return new TextCursor(text, 'failed to parse filter').failUnsupported(`the operator "${operator}" is`);
}

function parseFilterName(name: string): string {
  const cursor = new TextCursor(name, 'failed to parse tree path');
  if (notYet.includes(name)) cursor.failUnsupported(`the parameter "${name}" is`);
  const column = cursor.takeName();
  if (cursor.startsWith('->')) cursor.failUnsupported('a JSON path is');
  if (cursor.startsWith('.')) cursor.failUnsupported('a filter on an embedded table is');
  if (!cursor.isAtEnd) cursor.fail('end of input');
  return column;
}

function parseIs(column: string, cursor: TextCursor): Condition {
  const what = cursor.take(/(not_null|null|true|false|unknown)$/iy)?.[1]?.toLowerCase();
  if (what === undefined) cursor.fail('null, not_null, true, false or unknown');
  return { kind: 'is', column, what: what as IsOperand };
}

const knownOperators = new Set(
  (
    'eq neq gt gte lt lte like ilike match imatch in is isdistinct fts plfts phfts wfts cs cd ov sl sr nxr nxl ' +
    'adj not and or all any'
  ).split(' '),
);

function parseCount(name: 'limit' | 'offset', text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!/^[+-]?[0-9]+$/.test(text) || !Number.isSafeInteger(count)) {
    throw dataErrors.unparsable(`failed to parse ${name} (${text})`, 1, 'a whole number is expected');
  }
  if (count < 0) {
    const which = name === 'limit' ? 'Limit' : 'Offset';
    throw dataErrors.invalidRange(`${which} should be greater than or equal to zero.`);
  }
  return count;
}
