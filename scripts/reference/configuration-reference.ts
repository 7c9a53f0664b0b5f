import { code, escapeText, generatedNote, markdownTable } from './markdown.ts';
import { choicesOf, type NamedSetting, settingsByGroup } from './settings-by-group.ts';

const introduction = `# Configuration

${generatedNote('src/config/config.ts')}

tenant-manager is configured by environment variables, and by a file \`.env\` in the folder where it starts. What the environment says wins over the file. \`npm start\` needs none of them: without configuration it runs on an embedded PostgreSQL and makes its own secrets.

- Everything is read once, at the start. A bad environment stops the start with **all** problems at once, each with the variable, what is wrong and what would be right.
- A variable that is set to nothing counts as not set.
- A secret may be given as a file: \`JWT_SECRET_FILE=/run/secrets/jwt\` instead of \`JWT_SECRET\`.
- Durations are understood as \`500ms\`, \`30s\`, \`15m\`, \`24h\` or \`30d\`; a bare number counts in milliseconds unless the description says otherwise. Switches are \`true\` or \`false\` (also \`1\` and \`0\`, \`yes\` and \`no\`, \`on\` and \`off\`). Lists are separated by commas.
- Names under *Also accepted as* do the same; the first of them that is set counts, the name itself before all others.

**Required in production** (\`NODE_ENV=production\`): \`GLOBAL_DATABASE_URL\`, \`JWT_SECRET\`, \`MASTER_ENCRYPTION_KEY\`, and in a process that makes databases \`WORKER_SECRET_KEY\`. Secrets that are short, repetitive or look like a sample are refused there. Make each with \`openssl rand -hex 32\`.

If you come with the environment file of another system, read [Coming from another system](../coming-from.md). A commented sample of all variables is in [.env.example](../../.env.example).
`;

export function renderConfigurationReference(): string {
  const groups = settingsByGroup().map(({ group, settings }) => {
    const head = ['Variable', 'Default', 'Meaning', 'Also accepted as', 'Secret'];
    return `## ${group}\n\n${markdownTable(head, settings.map(row))}\n`;
  });
  return [introduction, ...groups].join('\n');
}

function row({ name, setting }: NamedSetting): string[] {
  const choices = choicesOf(setting);
  const values = choices === undefined ? '' : ` One of ${choices.map(code).join(', ')}.`;
  const example = setting.example === undefined ? '' : ` Example: ${code(setting.example)}.`;
  return [
    code(name),
    defaultOf(setting),
    `${escapeText(setting.doc)}${values}${example}`,
    (setting.aliases ?? []).map(code).join(', '),
    setting.secret === true ? 'yes' : '',
  ];
}

function defaultOf({ default: value, defaultDoc }: NamedSetting['setting']): string {
  if (defaultDoc !== undefined) return escapeText(defaultDoc);
  return value === undefined || value === '' ? 'none' : code(value);
}
