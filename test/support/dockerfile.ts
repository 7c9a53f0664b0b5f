/** One instruction, with its continued lines joined. */
export type Instruction = { name: string; text: string };

export type Stage = { base: string; alias: string | undefined; instructions: Instruction[] };

export type Dockerfile = { globals: Instruction[]; stages: Stage[] };

const known = [
  'ARG',
  'CMD',
  'COPY',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'FROM',
  'HEALTHCHECK',
  'LABEL',
  'RUN',
  'STOPSIGNAL',
  'USER',
  'WORKDIR',
];

/** Reads what this repository's Dockerfile is written in. @throws Error for an instruction that is none */
export function parseDockerfile(source: string): Dockerfile {
  const globals: Instruction[] = [];
  const stages: Stage[] = [];
  for (const instruction of readInstructions(source)) {
    const { name, text } = instruction;
    if (!known.includes(name)) throw new Error(`${name} is no instruction that is known here.`);
    if (name === 'FROM') {
      const [, base = '', alias] = /^(\S+)(?: +AS +(\S+))?$/i.exec(text) ?? [];
      if (base === '') throw new Error(`FROM ${text} cannot be read.`);
      stages.push({ base, alias, instructions: [] });
    } else {
      (stages.at(-1)?.instructions ?? globals).push(instruction);
    }
  }
  return { globals, stages };
}

function readInstructions(source: string): Instruction[] {
  const joined = source
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, '');
  return joined
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', text = ''] = /^\s*(\S+)\s*(.*)$/.exec(line) ?? [];
      return { name: name.toUpperCase(), text };
    });
}

/** `["node", "x"]`. @throws Error for the form that needs a shell */
export function execForm(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
    throw new Error(`${text} is no list of words.`);
  }
  return words;
}

/** Which paths of the context the image may see. The last pattern that fits wins, and folders stand for all in them. */
export function readIgnore(source: string): (path: string) => boolean {
  const rules = source
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ isKept: line.startsWith('!'), pattern: line.replace(/^!/, '').replace(/\/$/, '') }));
  return (path) =>
    rules.reduce((isSeen, { isKept, pattern }) => (fits(pattern, path) ? isKept : isSeen), true);
}

function fits(pattern: string, path: string): boolean {
  return pattern === '*' || path === pattern || path.startsWith(`${pattern}/`);
}
