import { quoteIdentifier } from '../databases/quote.ts';
import type { Condition, Relation, SelectItem } from './data-query.ts';

/** SQL with its bound values. Names are in the text, quoted; everything else of a caller is a value. */
export type Statement = { readonly text: string; readonly values: readonly string[] };

/** Collects the values of one statement. */
export class Values {
  readonly list: string[] = [];

  /** @returns the placeholder that stands for the value. */
  bind(value: string): string {
    this.list.push(value);
    return `$${this.list.length}`;
  }
}

export const quoteRelation = ({ schema, table }: Relation): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;

export const quoteColumn = (relation: Relation, column: string): string =>
  `${quoteRelation(relation)}.${quoteIdentifier(column)}`;

export function selectList(relation: Relation, items: readonly SelectItem[]): string {
  return items.map((item) => selectItem(relation, item)).join(', ');
}

function selectItem(relation: Relation, item: SelectItem): string {
  if (item.kind === 'all') return `${quoteRelation(relation)}.*`;
  return `${quoteColumn(relation, item.column)} AS ${quoteIdentifier(item.alias ?? item.column)}`;
}

/** The WHERE clause, or nothing. */
export function whereClause(relation: Relation, conditions: readonly Condition[], values: Values): string {
  if (conditions.length === 0) return '';
  return ` WHERE ${conditions.map((condition) => conditionSql(relation, condition, values)).join(' AND ')}`;
}

function conditionSql(relation: Relation, condition: Condition, values: Values): string {
  const column = quoteColumn(relation, condition.column);
  switch (condition.kind) {
    case 'equals':
      // Without a type, so that the server reads it as the column's type, as it does an untyped literal.
      return `${column} = ${values.bind(condition.value)}`;
    case 'is':
      return `${column} IS ${isOperands[condition.what]}`;
  }
}

const isOperands = {
  null: 'NULL',
  not_null: 'NOT NULL',
  true: 'TRUE',
  false: 'FALSE',
  unknown: 'UNKNOWN',
} as const;
