import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findViolations } from './support/architecture-rules.ts';
import { readSourceFacts, type SourceText } from './support/source-facts.ts';

const root = join(import.meta.dirname, '..');

function check(files: Record<string, string>): string[] {
  return checkAll(Object.entries(files).map(([path, text]) => ({ path, text })));
}

function checkAll(files: readonly SourceText[]): string[] {
  return findViolations(files.map(readSourceFacts));
}

function readTree(): SourceText[] {
  return ['src', 'test', 'scripts', 'bin'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|tsx|js|mjs)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({ path: relativePath(file), text: readFileSync(file, 'utf8') })),
  );
}

function relativePath(file: string): string {
  return file.slice(root.length + 1).replaceAll('\\', '/');
}

test('the project keeps its own rules', () => {
  const tree = readTree();
  expect(tree.map(({ path }) => path)).toContain('src/errors/catalogue.ts');
  expect(checkAll(tree)).toEqual([]);
});

describe('floors', () => {
  test.each([
    ['main', 'http'],
    ['main', 'errors'],
    ['http', 'provisioning'],
    ['jobs', 'registry'],
    ['cli', 'config'],
    ['routing', 'databases'],
    ['data-api', 'errors'],
    ['config', 'errors'],
    ['telemetry', 'errors'],
    ['queue', 'telemetry'],
    ['registry', 'registry'],
  ])('%s may import %s', (from, to) => {
    expect(check({ [`src/${from}/a.ts`]: `import { b } from '../${to}/b.ts';` })).toEqual([]);
  });

  test.each([
    ['http', 'main'],
    ['http', 'jobs'],
    ['cli', 'http'],
    ['main', 'console'],
    ['http', 'console'],
    ['console', 'errors'],
    ['console', 'http'],
    ['provisioning', 'http'],
    ['provisioning', 'routing'],
    ['data-api', 'routing'],
    ['registry', 'identity'],
    ['queue', 'registry'],
    ['embedded', 'databases'],
    ['errors', 'registry'],
    ['telemetry', 'config'],
    ['errors', 'config'],
    ['errors', 'telemetry'],
  ])('%s may not import %s', (from, to) => {
    expect(check({ [`src/${from}/a.ts`]: `import { b } from '../${to}/b.ts';` })).toEqual([
      `src/${from}/a.ts imports src/${to}/b.ts: ${from} may not import ${to}`,
    ]);
  });

  test.each([
    ["import type { B } from '../http/b.ts';"],
    ["import '../http/b.ts';"],
    ["export { b } from '../http/b.ts';"],
    ["export * from '../http/b.ts';"],
    ["export type { B } from '../http/b.ts';"],
    ["const b = await import('../http/b.ts');"],
    ['const b = await import(`../http/b.ts`);'],
    ["const b = require('../http/b.ts');"],
    ["let b: import('../http/b.ts').B;"],
    ["let b: typeof import('../http/b.ts');"],
    ["import b = require('../http/b.ts');"],
  ])('sees %s', (text) => {
    expect(check({ 'src/registry/a.ts': text })).toHaveLength(1);
  });

  test('a folder within a room belongs to the room', () => {
    const files = { 'src/http/routes/a.ts': "import '../../jobs/deep/b.ts'; import '../plugins/c.ts';" };
    expect(check(files)).toEqual([
      'src/http/routes/a.ts imports src/jobs/deep/b.ts: http may not import jobs',
    ]);
  });

  test('a comment or a string is no import', () => {
    const text = "// import '../http/b.ts'\nconst text = \"import '../http/b.ts'\";";
    expect(check({ 'src/registry/a.ts': text })).toEqual([]);
  });

  test('src reaches nothing outside src', () => {
    expect(check({ 'src/main/a.ts': "import { b } from '../../test/support/b.ts';" })).toEqual([
      'src/main/a.ts imports test/support/b.ts, which is outside the rooms of src',
    ]);
  });

  test('tests and scripts may import every room', () => {
    expect(check({ 'test/http/a.test.ts': "import '../../src/http/b.ts';" })).toEqual([]);
  });
});

describe('rooms', () => {
  test('an unknown room is refused', () => {
    expect(check({ 'src/helpers/a.ts': '' })).toEqual(['src/helpers/a.ts is in the unknown room helpers']);
  });

  test('an unknown room is refused as a target too', () => {
    expect(check({ 'src/main/a.ts': "import '../helpers/b.ts';" })).toEqual([
      'src/main/a.ts imports src/helpers/b.ts: main may not import helpers',
    ]);
  });

  test('a file beside the rooms is refused', () => {
    expect(check({ 'src/a.ts': '' })).toEqual(['src/a.ts lies in no room']);
  });
});

describe('cycles', () => {
  test('a cycle through three files is named once', () => {
    const files = {
      'src/http/a.ts': "import './b.ts';",
      'src/http/b.ts': "import './c.ts';",
      'src/http/c.ts': "import type { A } from './a.ts';",
    };
    expect(check(files)).toEqual([
      'import cycle: src/http/a.ts > src/http/b.ts > src/http/c.ts > src/http/a.ts',
    ]);
  });

  test('a file that imports itself is a cycle', () => {
    expect(check({ 'test/a.ts': "import './a.ts';" })).toEqual(['import cycle: test/a.ts > test/a.ts']);
  });

  test('a cycle behind a file that was seen already is found', () => {
    const files = {
      'src/http/a.ts': "import './b.ts'; import './c.ts';",
      'src/http/b.ts': "import './c.ts';",
      'src/http/c.ts': "import './d.ts';",
      'src/http/d.ts': "import './c.ts';",
    };
    expect(check(files)).toEqual(['import cycle: src/http/c.ts > src/http/d.ts > src/http/c.ts']);
  });

  test('two ways to one file are no cycle', () => {
    const files = {
      'src/http/a.ts': "import './b.ts'; import './c.ts';",
      'src/http/b.ts': "import './d.ts';",
      'src/http/c.ts': "import './d.ts';",
      'src/http/d.ts': '',
    };
    expect(check(files)).toEqual([]);
  });
});

describe('size', () => {
  const lines = (count: number) => 'const a = 1;\n'.repeat(count);

  test.each(['src/http/a.ts', 'test/http/a.test.ts', 'scripts/a.mjs'])('%s ends at 300 lines', (path) => {
    expect(check({ [path]: lines(300) })).toEqual([]);
    expect(check({ [path]: lines(301) })).toEqual([`${path} has 301 lines, 300 are allowed`]);
  });

  test.each(['src/registry/tables.generated.ts', 'test/fixtures/rows.ts'])('%s may be longer', (path) => {
    expect(check({ [path]: lines(2_000) })).toEqual([]);
  });
});

describe('environment', () => {
  test.each([
    ['const a = process.env.PORT;'],
    ["const a = process.env['PORT'];"],
    ["const a = process['env'];"],
    ['const a = globalThis.process.env;'],
    ['const { env } = process;'],
    ['const { env: variables } = process;'],
    ["import { env } from 'node:process';"],
    ["import { env as variables } from 'process';"],
  ])('%s is for src/config only', (text) => {
    const violation = 'src/http/a.ts:2 reads process.env, which only src/config may';
    expect(check({ 'src/http/a.ts': `\n${text}` })).toEqual([violation]);
    expect(check({ 'src/config/a.ts': text, 'scripts/a.ts': text, 'test/a.ts': text })).toEqual([]);
  });

  test('another env is no environment', () => {
    const text = 'const a = worker.env; const { env } = worker; function f({ env }) {}';
    expect(check({ 'src/http/a.ts': text })).toEqual([]);
  });
});

test.each(['src/http/routes/a.ts', 'src/jobs/a.ts', 'src/data-api/a.ts', 'src/routing/a.ts'])(
  'a tenant’s database is not opened by %s',
  (path) => {
    const text = "import { openTenantConnection } from '../databases/tenant-connection.ts';";
    const from = path.startsWith('src/http') ? text.replace('../', '../../') : text;
    expect(check({ [path]: from })).toEqual([
      `${path} opens tenants' databases by itself: routing does that`,
    ]);
    expect(check({ 'src/routing/open-tenant-database.ts': text })).toEqual([]);
  },
);
