import { CliCommand } from './cli-command.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What may follow a command, by the words that lead to it; the program itself is ''. */
type Words = {
  path: string;
  subcommands: { name: string; about: string }[];
  options: { flag: string; about: string }[];
};

/** A script made from the commands themselves, so that it cannot tell of others. */
export function completionScript(program: CliCommand, shell: Shell): string {
  const all = wordsOf(program, []);
  if (shell === 'bash') return bashScript(all);
  return shell === 'zsh' ? zshScript(all) : fishScript(all);
}

function wordsOf(command: CliCommand, path: readonly string[]): Words[] {
  const help = command.createHelp();
  const children = command.commands.filter((child) => child instanceof CliCommand);
  const options = help
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? [{ flag: long, about: description }] : []));
  const subcommands = children.map((child) => ({ name: child.name(), about: child.description() }));
  return [
    { path: path.join(' '), subcommands, options },
    ...children.flatMap((child) => wordsOf(child, [...path, child.name()])),
  ];
}

const candidatesOf = ({ subcommands, options }: Words) =>
  [...subcommands.map(({ name }) => name), ...options.map(({ flag }) => flag)].join(' ');

/** The longest beginning of what was typed that is a command. */
const bashLookUp = (all: readonly Words[]) => `  local path="" word next candidates
  for word in "\${words[@]:1:cword-1}"; do
    next="\${path:+$path }$word"
    case "$next" in
${all
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      ${quote(path)}) path="$next" ;;`)
  .join('\n')}
    esac
  done
  case "$path" in
${all.map((words) => `    ${quote(words.path)}) candidates=${quote(candidatesOf(words))} ;;`).join('\n')}
  esac`;

function bashScript(all: readonly Words[]): string {
  return `_tenant_cli() {
  local words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
${bashLookUp(all)}
  COMPREPLY=($(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tenant_cli tenant-cli
`;
}

function zshScript(all: readonly Words[]): string {
  const describe = ({ path, subcommands, options }: Words) => {
    const entries = [
      ...subcommands.map(({ name, about }) => [name, about]),
      ...options.map(({ flag, about }) => [flag, about]),
    ].map(([name = '', about = '']) => quote(`${name}:${about.replaceAll(':', ' ')}`));
    return `    ${quote(path)}) candidates=(${entries.join(' ')}) ;;`;
  };
  return `#compdef tenant-cli
_tenant-cli() {
  local path_="" word next
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next="\${path_:+$path_ }$word"
    case "$next" in
${all
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      ${quote(path)}) path_="$next" ;;`)
  .join('\n')}
    esac
  done
  case "$path_" in
${all.map(describe).join('\n')}
  esac
  _describe 'tenant-cli' candidates || _files
}
if [ "$funcstack[1]" = "_tenant-cli" ]; then _tenant-cli "$@"; else compdef _tenant-cli tenant-cli; fi
`;
}

function fishScript(all: readonly Words[]): string {
  const lines = all.flatMap(({ path, subcommands, options }) => {
    const when = `-n ${quote(fishCondition(path, subcommands))}`;
    const here = `complete -c tenant-cli ${when}`;
    return [
      ...subcommands.map(({ name, about }) => `${here} -f -a ${quote(name)} -d ${quote(about)}`),
      ...options.map(({ flag, about }) => `${here} -l ${quote(flag.slice(2))} -d ${quote(about)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function fishCondition(path: string, subcommands: Words['subcommands']): string {
  if (path === '') return '__fish_use_subcommand';
  const seen = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
  const names = subcommands.map(({ name }) => name).join(' ');
  return [...seen, ...(names === '' ? [] : [`not __fish_seen_subcommand_from ${names}`])].join('; and ');
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
