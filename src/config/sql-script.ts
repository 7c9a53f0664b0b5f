/** What matters of a file of SQL without understanding SQL: where statements begin, and what is no code. */
export type SqlToken = {
  kind: 'comment' | 'quoted' | 'placeholder' | 'word' | 'space' | 'other' | 'unclosed';
  text: string;
  /** Offset of its first character. */
  start: number;
  /** Of its first character, counted from 1. */
  line: number;
};

/** The rules of PostgreSQL's own scanner with standard_conforming_strings on. An E'' string goes on over line ends. */
const rules: readonly [SqlToken['kind'], RegExp][] = [
  ['comment', /--[^\n]*/y],
  [
    'quoted',
    /[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'(?:[ \t\r\f]*\n\s*'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*')*/y,
  ],
  ['quoted', /'[^']*(?:''[^']*)*'/y],
  ['quoted', /"[^"]*(?:""[^"]*)*"/y],
  ['quoted', /(\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)[\s\S]*?\1/y],
  ['placeholder', /\{\{\s*\w+\s*\}\}/y],
  ['word', /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y],
  ['space', /\s+/y],
  ['unclosed', /['"]|\/\*|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y],
  ['other', /[\s\S]/y],
];

export function* scanSql(sql: string): Generator<SqlToken> {
  let start = 0;
  let line = 1;
  while (start < sql.length) {
    const { kind, text } = nextToken(sql, start);
    yield { kind, text, start, line };
    start += text.length;
    line += text.split('\n').length - 1;
  }
}

function nextToken(sql: string, start: number): Pick<SqlToken, 'kind' | 'text'> {
  const comment = blockComment(sql, start);
  if (comment !== undefined) return { kind: 'comment', text: comment };
  for (const [kind, rule] of rules) {
    rule.lastIndex = start;
    const text = rule.exec(sql)?.[0];
    if (text !== undefined) return { kind, text };
  }
  throw new Error('The last rule takes any character.');
}

/** They nest, which no regular expression follows. */
function blockComment(sql: string, start: number): string | undefined {
  if (!sql.startsWith('/*', start)) return undefined;
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 0;
  for (let found = edge.exec(sql); found !== null; found = edge.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return sql.slice(start, edge.lastIndex);
  }
  return undefined;
}

export type SqlStatement = {
  start: number;
  line: number;
  /** Its words outside of quotes, in capitals. */
  words: string[];
  /** Begins with a backslash, as only psql understands it. */
  isPsqlCommand: boolean;
};

/** The statements of a script. A semicolon within parentheses or a body of BEGIN ATOMIC … END ends none. */
export function splitStatements(tokens: Iterable<SqlToken>): SqlStatement[] {
  const statements: SqlStatement[] = [];
  let current: SqlStatement | undefined;
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'comment' || token.kind === 'space') continue;
    if (token.text === ';' && depth === 0) {
      current = undefined;
      continue;
    }
    if (current === undefined) {
      current = { start: token.start, line: token.line, words: [], isPsqlCommand: token.text === '\\' };
      statements.push(current);
    }
    if (token.kind === 'word') current.words.push(token.text.toUpperCase());
    depth = Math.max(0, depth + nesting(token, current.words));
  }
  return statements;
}

function nesting({ kind, text }: SqlToken, words: readonly string[]): number {
  if (text === '(') return 1;
  if (text === ')') return -1;
  if (kind !== 'word' || words[0] !== 'CREATE') return 0;
  const [last, before] = [words.at(-1), words.at(-2)];
  if (last === 'ATOMIC' && before === 'BEGIN') return 1;
  if (!words.includes('ATOMIC')) return 0;
  if (last === 'CASE') return 1;
  return last === 'END' ? -1 : 0;
}
