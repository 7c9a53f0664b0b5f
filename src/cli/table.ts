import { stripVTControlCharacters } from 'node:util';
import { displayWidth, truncateTo } from './display-width.ts';
import type { Look } from './look.ts';
import { printable } from './printable.ts';

export type Column<Row> = {
  head: string;
  value: (row: Row) => string;
  /** Colours the text after it was cut to its width. */
  paint?: (text: string, row: Row) => string;
  align?: 'right';
  /** May be cut, down to this many cells, when the terminal is narrow. */
  shrinksTo?: number;
  /** Left out when the terminal is too narrow even so, the highest first. */
  expendable?: number;
};

const gap = '  ';

/** A table on a terminal, cut to its width; aligned plain text elsewhere. The last line ends with a line end. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  look: Pick<Look, 'columns' | 'isTerminal' | 'paint'>,
): string {
  const measured = columns.map((column) => measure(column, rows));
  const shown = shrink(dropExpendable(measured, look.columns), look.columns);
  const head = shown.map(({ column, width }) => look.paint('bold', truncateTo(column.head, width)));
  const rule = shown.map(({ width }) => look.paint('dim', '─'.repeat(width)));
  const lines = [head, ...(look.isTerminal ? [rule] : [])].map((cells) => alignLine(cells, shown));
  rows.forEach((row, at) => {
    const cells = shown.map((measured) => cell(measured, row, at));
    lines.push(alignLine(cells, shown));
  });
  return `${lines.join('\n')}\n`;
}

type Measured<Row> = { column: Column<Row>; texts: string[]; width: number };

function measure<Row>(column: Column<Row>, rows: readonly Row[]): Measured<Row> {
  const texts = rows.map((row) => printable(column.value(row)));
  const width = [column.head, ...texts].reduce((widest, text) => Math.max(widest, displayWidth(text)), 0);
  return { column, texts, width };
}

function cell<Row>({ column, texts, width }: Measured<Row>, row: Row, at: number): string {
  const text = truncateTo(texts[at] ?? '', width);
  return column.paint?.(text, row) ?? text;
}

function dropExpendable<Row>(columns: readonly Measured<Row>[], limit: number): readonly Measured<Row>[] {
  if (leastWidth(columns) <= limit) return columns;
  const rank = Math.max(...columns.map(({ column }) => column.expendable ?? 0));
  if (rank === 0) return columns;
  return dropExpendable(
    columns.filter(({ column }) => column.expendable !== rank),
    limit,
  );
}

/** Takes the missing cells from the widest columns that may shrink. */
function shrink<Row>(columns: readonly Measured<Row>[], limit: number): readonly Measured<Row>[] {
  const widths = columns.map(({ width }) => width);
  const room = (at: number) =>
    (widths[at] ?? 0) - Math.min(columns[at]?.column.shrinksTo ?? Infinity, widths[at] ?? 0);
  for (let excess = total(widths) - limit; excess > 0; excess -= 1) {
    const candidates = widths.map((_, at) => at).filter((at) => room(at) > 0);
    const widest = candidates.sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return columns.map((column, at) => ({ ...column, width: widths[at] ?? column.width }));
}

function leastWidth<Row>(columns: readonly Measured<Row>[]): number {
  return total(columns.map(({ column, width }) => Math.min(width, column.shrinksTo ?? width)));
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + gap.length * Math.max(0, widths.length - 1);
}

/** By hand: cli-table3 compares each row with all others, 4.5 s for 8,000 tenants and four times that for twice as many. */
function alignLine<Row>(cells: readonly string[], columns: readonly Measured<Row>[]): string {
  const padded = cells.map((text, at) => {
    const { column, width } = columns[at] ?? {};
    const space = ' '.repeat(Math.max(0, (width ?? 0) - displayWidth(stripVTControlCharacters(text))));
    return column?.align === 'right' ? space + text : text + space;
  });
  return padded.join(gap).trimEnd();
}
