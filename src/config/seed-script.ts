import { readFileSync } from 'node:fs';
import { type SqlStatement, type SqlToken, scanSql, splitStatements } from './sql-script.ts';

/** What a seed may ask for of the tenant that it is run in. */
export const seedPlaceholders = [
  'tenant_id',
  'slug',
  'organization_name',
  'admin_user_id',
  'admin_email',
  'admin_password_hash',
] as const;
export type SeedPlaceholder = (typeof seedPlaceholders)[number];

/** A piece of the file as it is, or a placeholder in its place. */
export type SeedPart =
  | { kind: 'sql'; text: string; start: number }
  | { kind: 'placeholder'; name: SeedPlaceholder; start: number };

export type SeedScript = {
  path: string;
  parts: readonly SeedPart[];
  statements: readonly Pick<SqlStatement, 'start' | 'line'>[];
};

/** @returns the script, or what is wrong with it, each problem with its line. */
export function readSeedScript(path: string): { script: SeedScript } | { problems: string[] } {
  const read = readText(path);
  if ('problem' in read) return { problems: [read.problem] };
  const tokens = [...scanSql(read.text)];
  const statements = splitStatements(tokens);
  const problems = [
    ...tokens.flatMap(problemsOfToken),
    ...statements.flatMap(problemsOfStatement),
    ...(statements.length === 0 ? ['it has no statement'] : []),
  ];
  return problems.length > 0 ? { problems } : { script: { path, parts: partsOf(tokens), statements } };
}

function readText(path: string): { text: string } | { problem: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    return text.includes('\0') ? { problem: 'it has NUL characters' } : { text };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { problem: error instanceof TypeError ? 'it is not UTF-8' : `it cannot be read (${why})` };
  }
}

const anyPlaceholder = /\{\{\s*(\w+)\s*\}\}/;

function problemsOfToken({ kind, text, line }: SqlToken): string[] {
  if (kind === 'unclosed') return [`line ${line}: what begins with ${text} never ends`];
  if (kind === 'placeholder' && !isKnown(nameIn(text))) {
    return [`line ${line}: ${text} is unknown; there are ${known}`];
  }
  const inside = kind === 'quoted' ? anyPlaceholder.exec(text) : null;
  if (inside === null) return [];
  // A value put between quotes could end them, and what follows would be run as SQL.
  return [
    `line ${line}: ${inside[0]} stands within quotes. A placeholder becomes a quoted literal by itself: write it outside of quotes, and join with ||`,
  ];
}

const known = seedPlaceholders.map((name) => `{{${name}}}`).join(' ');
const nameIn = (text: string): string => anyPlaceholder.exec(text)?.[1] ?? '';
const isKnown = (name: string): name is SeedPlaceholder =>
  (seedPlaceholders as readonly string[]).includes(name);

const transactionControl = ['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE'];

function problemsOfStatement({ line, words, isPsqlCommand }: SqlStatement): string[] {
  const [first = '', second = ''] = words;
  if (isPsqlCommand) return [`line ${line}: commands of psql are not understood; only SQL is`];
  if (transactionControl.includes(first) || (first === 'PREPARE' && second === 'TRANSACTION')) {
    return [`line ${line}: ${first} is not allowed; the whole file is one transaction already`];
  }
  if (first === 'COPY' && words.some((word) => word === 'STDIN' || word === 'STDOUT')) {
    return [`line ${line}: COPY from or to the client is not understood; use INSERT (pg_dump --inserts)`];
  }
  return [];
}

function partsOf(tokens: readonly SqlToken[]): SeedPart[] {
  const parts: SeedPart[] = [];
  for (const { kind, text, start } of tokens) {
    const last = parts.at(-1);
    const name = nameIn(text);
    if (kind === 'placeholder' && isKnown(name)) parts.push({ kind: 'placeholder', name, start });
    else if (last?.kind === 'sql') last.text += text;
    else parts.push({ kind: 'sql', text, start });
  }
  return parts;
}
