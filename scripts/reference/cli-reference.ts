import { CliCommand } from '../../src/cli/cli-command.ts';
import { closingNotes, createProgram } from '../../src/cli/create-program.ts';
import { lookOf } from '../../src/cli/look.ts';
import { code, escapeText, generatedNote, markdownTable } from './markdown.ts';

const introduction = `# Command line

${generatedNote('src/cli')}

\`tenant-cli\` is in \`bin/\`; in the project's folder \`npx tenant-cli\` runs it. It works like the admin API: a tenant is named by its id or its slug, data goes to stdout, messages and progress go to stderr. On a terminal lists are tables cut to its width, with colours unless \`NO_COLOR\` is set; elsewhere they are aligned plain text with full values. \`--json\` prints the data exactly as the API gives it.

Passwords are never arguments, which every user of a machine can read: they are asked for on a terminal, or come from \`--password-stdin\` or \`--password-file\`.
`;

export function renderCliReference(): string {
  const program = createProgram({ version: '', act: async () => undefined, display: nowhere() });
  const notes = closingNotes.map(({ title, text }) => `## ${title}\n\n${text}\n`);
  return [introduction, ...notes, '## Commands\n', ...leavesOf(program).map(renderCommand)].join('\n');
}

function nowhere() {
  const look = lookOf({ isTTY: false }, true);
  return { look, messageLook: look, writeOut: () => undefined, writeErr: () => undefined };
}

/** The commands that do something. */
function leavesOf(command: CliCommand): CliCommand[] {
  const children = command.commands.filter((child) => child instanceof CliCommand);
  return children.length === 0 ? [command] : children.flatMap(leavesOf);
}

function renderCommand(command: CliCommand): string {
  const help = command.createHelp();
  const rows = [
    ...command.registeredArguments.map((argument) => [
      code(`<${argument.name()}>`),
      escapeText(argument.description),
    ]),
    ...help
      .visibleOptions(command)
      .filter(({ long }) => long !== '--help')
      .map((option) => [
        code(option.flags),
        `${escapeText(help.optionDescription(option))}${option.mandatory ? '; required' : ''}`,
      ]),
  ];
  const examples = command.examples.map(({ line, does }) => `# ${does}\n${line}`).join('\n');
  return [
    `### ${help.commandUsage(command).replace(/^tenant-cli (.*?) \[options\].*/, '$1')}\n`,
    `${command.description()}\n`,
    `\`\`\`\n${help.commandUsage(command)}\n\`\`\`\n`,
    `${markdownTable(['Argument or option', 'Meaning'], rows)}\n`,
    `\`\`\`sh\n${examples}\n\`\`\`\n`,
  ].join('\n');
}
