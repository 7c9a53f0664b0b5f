import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

type Source = { path: string; text: string };

const root = join(import.meta.dirname, '../..');

/** The only creators of databases: tenants', templates', and the embedded server's own two. */
const creators = /^src\/(databases\/(create-database|template-[a-z-]+)|embedded\/set-up-databases)\.ts$/;
const quoters = ['src/databases/quote.ts'];
/** Quotes values of postgresql.conf, which is no SQL. */
const exemptFromQuoting = ['src/embedded/server-settings.ts'];

/** `replace(/"/g, '""')`, `replaceAll("'", "''")` and the like; `split("'").join("''")`. */
const doublesQuotes = [
  /\.replace(All)?\(\s*(\/["']\/g?|["'`]["']["'`])\s*,\s*["'`]\\?("\\?"|'\\?')["'`]\s*\)/,
  /\.split\(\s*["'`]["']["'`]\s*\)\s*\.join\(/,
];

function findBreaches({ path, text }: Source): string[] {
  const literals = path.endsWith('.sql') ? [text] : readLiterals(text);
  const breaches: string[] = [];
  for (const literal of literals) {
    // Words of an error's text are no statement: a statement begins with the words.
    const creates = /(^|[;\s`'"])CREATE\s+DATABASE\s+("|\$\{|[a-z_])/i.test(literal);
    if (creates && !creators.test(path)) breaches.push(`${path}: creates a database`);
    if (creates && !/ALLOW_CONNECTIONS\s+false/i.test(literal)) {
      breaches.push(`${path}: creates a database that is open at once`);
    }
    if (/REASSIGN\s+OWNED/i.test(literal)) breaches.push(`${path}: REASSIGN OWNED moves every database`);
  }
  const quotesByHand = doublesQuotes.some((pattern) => pattern.test(text));
  if (quotesByHand && !quoters.includes(path) && !exemptFromQuoting.includes(path)) {
    breaches.push(`${path}: doubles quotes by hand`);
  }
  return breaches;
}

/** Strings and templates as they are written, without comments. */
function readLiterals(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) found.push(node.getText());
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true));
  return found;
}

function readTree(): Source[] {
  return ['src', 'migrations'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|tsx|js|mjs|sql)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({
        path: relative(root, file).replaceAll('\\', '/'),
        text: readFileSync(file, 'utf8'),
      })),
  );
}

it('databases are made by the safe recipe only', () => {
  const tree = readTree();
  expect(tree.map(({ path }) => path)).toContain('src/databases/create-database.ts');
  expect(tree.flatMap(findBreaches)).toEqual([]);
});

describe('the check itself', () => {
  const elsewhere = 'src/provisioning/steps.ts';

  const name = ['$', '{name}'].join('');

  it.each([
    [elsewhere, `run(\`CREATE DATABASE ${name} ALLOW_CONNECTIONS false\`)`],
    [elsewhere, "run('create  database x')"],
    ['migrations/registry/001.sql', 'CREATE DATABASE x;'],
    ['src/databases/create-database.ts', `run(\`CREATE DATABASE ${name} TEMPLATE ${name}\`)`],
    [
      'src/databases/template-build.ts',
      `run(\`CREATE DATABASE ${name}\`); run(\`ALTER DATABASE ${name} ALLOW_CONNECTIONS false\`)`,
    ],
    ['src/databases/template-build.ts', "run('REASSIGN OWNED BY a TO b')"],
    [elsewhere, `name.replace(/"/g, '""')`],
    [elsewhere, `name.replaceAll("'", "''")`],
    [elsewhere, `name.replaceAll('"', '""')`],
    [elsewhere, `name.split('"').join('""')`],
  ])('finds a breach in %s: %s', (path, text) => {
    expect(findBreaches({ path, text })).not.toEqual([]);
  });

  it.each([
    ['src/databases/create-database.ts', `run(\`CREATE DATABASE ${name} ALLOW_CONNECTIONS false${name}\`)`],
    [elsewhere, '/** Never REASSIGN OWNED, never CREATE DATABASE x here. */'],
    [elsewhere, "fail('CREATE DATABASE: failed')"],
    [elsewhere, `slug.replaceAll('_', '-')`],
  ])('finds none in %s: %s', (path, text) => {
    expect(findBreaches({ path, text })).toEqual([]);
  });
});
