import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { wrongUsage } from './failure.ts';

/** One tenant to be made, as a line of a file says it. */
export type TenantLine = { line: number; fields: Record<string, unknown> };

/** Short names of columns, as the options of `create` have them. */
const fieldOfColumn: Readonly<Record<string, string>> = {
  name: 'organization_name',
  email: 'admin_email',
  password: 'admin_password',
};
const json = z.record(z.string(), z.unknown());

/**
 * Tenants of a file: CSV with a line of column names, or one JSON object a line.
 * @throws Failure for wrong usage, with the line
 */
export async function readTenantFile(path: string): Promise<TenantLine[]> {
  const text = await readText(path);
  const isJson = /\.(ndjson|jsonl|json)$/i.test(path) || text.trimStart().startsWith('{');
  const lines = isJson ? readJsonLines(text) : readCsvLines(text);
  if (lines.length === 0) throw wrongUsage(`${path} has no tenants in it.`);
  return lines.map(({ line, fields }) => ({
    line,
    fields: Object.fromEntries(
      Object.entries(fields).map(([column, value]) => [fieldOfColumn[column] ?? column, value]),
    ),
  }));
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/^\ufeff/, '');
  } catch (error) {
    throw wrongUsage(`The file cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function readJsonLines(text: string): TenantLine[] {
  return text.split('\n').flatMap((content, at) => {
    if (content.trim() === '') return [];
    const line = at + 1;
    return [{ line, fields: parseObject(content, line) }];
  });
}

function parseObject(content: string, line: number): Record<string, unknown> {
  try {
    return json.parse(JSON.parse(content));
  } catch {
    throw wrongUsage(`Line ${line} is not one JSON object.`, 'Each line is {"name": …, "email": …}.');
  }
}

function readCsvLines(text: string): TenantLine[] {
  const [head, ...rows] = parseCsv(text);
  if (head === undefined) return [];
  const columns = head.cells.map((cell) => cell.trim());
  return rows.map(({ line, cells }) => {
    if (cells.length !== columns.length) {
      throw wrongUsage(
        `Line ${line} has ${cells.length} columns, and the first line names ${columns.length}.`,
      );
    }
    const named = columns.map((column, at) => [column, cells[at] ?? ''] as const);
    return { line, fields: Object.fromEntries(named.filter(([, value]) => value !== '')) };
  });
}

type Row = { line: number; cells: string[] };

/** RFC 4180: a quoted cell may have commas, line ends and doubled quotes in it. */
function parseCsv(text: string): Row[] {
  const rows: Row[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  let row: Row = { line: 1, cells: [] };
  let line = 1;
  while (cell.lastIndex < text.length || row.cells.length > 0) {
    const found = cell.exec(text);
    if (found === null) throw wrongUsage(`Line ${line} has a quote in the wrong place.`);
    const [whole, quoted, plain = '', end] = found;
    row.cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += whole.split('\n').length - 1;
    if (end === ',') continue;
    if (row.cells.length > 1 || row.cells[0] !== '') rows.push(row);
    row = { line, cells: [] };
  }
  return rows;
}
