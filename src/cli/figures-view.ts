import { type Look, paintStatus } from './look.ts';
import { readableDuration, readableInstant, readableNumber, readableSize } from './readable.ts';
import { type Field, renderRecord } from './record.ts';
import { type Column, renderTable } from './table.ts';

type Figures = Readonly<Record<string, unknown>>;

/**
 * Figures in groups, whatever their names: an object is a group, a list of objects a table. What a number
 * counts is in the end of its name, as in the whole API.
 */
export function renderFigures(heading: string, figures: Figures, look: Look): string {
  const entries = Object.entries(figures);
  const single = entries.filter(([, value]) => !isGroup(value) && !isRows(value));
  const told = single.map(fieldOf(look)).filter(({ value }) => value !== undefined);
  const sections = told.length === 0 ? [] : [renderRecord(heading, told, look)];
  for (const [key, value] of entries) {
    if (isGroup(value)) sections.push(renderRecord(capitalized(key), groupFields(value, look), look));
    if (isRows(value)) sections.push(renderRows(key, value, look));
  }
  return sections.join('\n');
}

function groupFields(group: Figures, look: Look): Field[] {
  const fields = Object.entries(group).map(fieldOf(look));
  return fields.length > 0 ? fields : [{ label: 'none', value: '' }];
}

function fieldOf(look: Look) {
  return ([key, value]: [string, unknown]): Field => ({
    label: labelOf(key),
    value: readableFigure(key, value),
    paint: (text) => text.replace(/^[a-z_]+(?=$|,)/, (status) => paintStatus(look, status)),
  });
}

function renderRows(key: string, rows: readonly Figures[], look: Look): string {
  if (look.isTerminal && isSeries(rows)) return renderRecord(capitalized(key), seriesFields(rows), look);
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns: Column<Figures>[] = keys.map((name) => ({
    head: labelOf(name).toUpperCase(),
    value: (row) => readableFigure(name, row[name]) ?? '-',
    shrinksTo: 8,
    ...(rows.every((row) => typeof row[name] === 'number') ? { align: 'right' as const } : {}),
  }));
  return `${look.paint('bold', capitalized(key))}\n${renderTable(rows, columns, look)}`;
}

type Series = readonly { date: string; count: number }[];

function isSeries(rows: readonly Figures[]): rows is Series {
  return rows.every(({ date, count }) => typeof date === 'string' && typeof count === 'number');
}

const bars = '▁▂▃▄▅▆▇█';

/** Counts of many days as one line that shows their course. */
function seriesFields(series: Series): Field[] {
  const most = Math.max(1, ...series.map(({ count }) => count));
  const course = series
    .map(({ count }) => bars.charAt(Math.ceil((count / most) * (bars.length - 1))))
    .join('');
  const total = series.reduce((sum, { count }) => sum + count, 0);
  return [
    { label: 'course', value: course },
    { label: 'total', value: `${readableNumber(total)} since ${series[0]?.date ?? ''}` },
  ];
}

function readableFigure(key: string, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'number') return readableNumberOf(key, value);
  if (typeof value === 'string')
    return key.endsWith('_at') || key === 'timestamp' ? readableInstant(value) : value;
  if (isGroup(value)) return sentence(value);
  if (Array.isArray(value) && value.length === 0) return 'none';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function readableNumberOf(key: string, value: number): string {
  if (key.endsWith('_bytes')) return readableSize(value);
  if (key.endsWith('_ms')) return readableDuration(value);
  if (key.endsWith('_rate')) return `${readableNumber(value * 100)} %`;
  return readableNumber(value);
}

/** A group within a group takes one line: its status first, if it has one. */
function sentence(group: Figures): string {
  const { status, ...rest } = group;
  const parts = Object.entries(rest).flatMap(([key, value]) => {
    const text = readableFigure(key, value);
    if (text === undefined) return [];
    return [typeof value === 'string' ? text : `${labelOf(key)} ${text}`];
  });
  return [...(typeof status === 'string' ? [status] : []), ...parts].join(', ');
}

function isGroup(value: unknown): value is Figures {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRows(value: unknown): value is Figures[] {
  return Array.isArray(value) && value.length > 0 && value.every(isGroup);
}

function labelOf(key: string): string {
  return key
    .replace(/_(bytes|ms)$/, '')
    .replace(/_at$/, '')
    .replaceAll('_', ' ');
}

function capitalized(key: string): string {
  const label = labelOf(key);
  return label.charAt(0).toUpperCase() + label.slice(1);
}
