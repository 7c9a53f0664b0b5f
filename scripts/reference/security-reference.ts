import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { code, escapeText, generatedNote, markdownTable } from './markdown.ts';
import { type SecurityGroup, securityGroups } from './security-groups.ts';

const root = join(import.meta.dirname, '../..');
const folder = 'test/security';
/** A name of a test: `'S1.07 another secret'`, in whichever quotes. */
const named = /(['"`])(S(\d+)\.\d\d) ((?:\\.|(?!\1).)+)\1/g;

const introduction = `# What is proven about security

${generatedNote(`the tests in ${folder}`)}

Each line is a test, and fails when it is no longer true. What concerns the API runs against the whole API as a process assembles it, on a real PostgreSQL: a request that is refused is held against its status, the code of its error, and every row of the registry, which must be as before. \`npx vitest run ${folder}\` runs them all.

Beside each group stand the chapters or sections of [OWASP ASVS 5.0](https://github.com/OWASP/ASVS) and the entries of the [OWASP API Security Top 10 (2023)](https://owasp.org/API-Security/editions/2023/en/0x11-t10/) that it answers to. They say what a test is about, not that a whole chapter is fulfilled.

**Not proven here, because it is not there**: webhooks, backups and exports, mail, billing, a console. Who may reach the ports of Redis, of PostgreSQL and of \`METRICS_PORT\` is a matter of your network.
`;

type Case = { id: string; title: string };

/** The text of docs/security.md. */
export function renderSecurityReference(): string {
  const cases = readCases();
  const summary = securityGroups.map(({ id, title, asvs, api, also }) => [
    `[${id}](#${anchorOf(id, title)})`,
    title,
    asvs.join(', '),
    api.join(', ') || '—',
    String(casesOf(cases, id).length || '—'),
    also.map((path) => code(existing(path))).join(', ') || '—',
  ]);
  const table = markdownTable(
    ['Group', 'What it is about', 'ASVS 5.0', 'API Top 10', 'Cases', 'Proven elsewhere as well'],
    summary,
  );
  return `${[introduction, table, ...securityGroups.map((group) => renderGroup(group, cases))].join('\n\n')}\n`;
}

function renderGroup({ id, title, text }: SecurityGroup, cases: readonly Case[]): string {
  const rows = casesOf(cases, id).map((each) => [each.id, escapeText(each.title)]);
  const parts = [`## ${id}: ${title}`, text];
  return [...parts, ...(rows.length > 0 ? [markdownTable(['Id', 'Case'], rows)] : [])].join('\n\n');
}

function readCases(): Case[] {
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.test.ts'));
  const cases = files.flatMap((name) => {
    const text = readFileSync(join(root, folder, name), 'utf8');
    return [...text.matchAll(named)].map(([, , id = '', , title = '']) => ({ id, title: asRead(title) }));
  });
  const ids = cases.map(({ id }) => id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  if (twice.length > 0) throw new Error(`These ids are given twice in ${folder}: ${twice.join(', ')}`);
  const groups = new Set(securityGroups.map(({ id }) => id));
  const strays = ids.filter((id) => !groups.has(id.replace(/\..*/, '')));
  if (strays.length > 0) throw new Error(`These ids are of no group: ${strays.join(', ')}`);
  return cases.sort((one, two) => one.id.localeCompare(two.id, 'en', { numeric: true }));
}

const casesOf = (cases: readonly Case[], group: string) =>
  cases.filter(({ id }) => id.startsWith(`${group}.`));

/** Without what a runner fills in, and as the program reads it. */
const asRead = (title: string) => title.replace(/^%s /, '').replace(/\\(.)/g, '$1');

const anchorOf = (id: string, title: string) =>
  `${id}: ${title}`
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');

function existing(path: string): string {
  if (!existsSync(join(root, path))) throw new Error(`docs/security.md names ${path}, which is not there.`);
  return path;
}
