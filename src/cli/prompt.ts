import { createInterface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';
import { Failure } from './failure.ts';

export type TerminalInput = Readable & { isTTY?: boolean };

type Needs = { stdin: TerminalInput; stderr: Writable };

/** Questions, for which stderr is used: stdout may lead into a file. */
export function createPrompt({ stdin, stderr }: Needs) {
  return {
    /** Without a terminal nobody could answer. */
    isPossible: stdin.isTTY === true,

    ask: (question: string) => readLine({ stdin, stderr, question, isSecret: false }),

    /** Shows nothing of what is typed. */
    askSecret: (question: string) => readLine({ stdin, stderr, question, isSecret: true }),

    /** Everything that is piped in, without the line end that `echo` adds. */
    readAll: async (): Promise<string> => {
      const parts: Buffer[] = [];
      for await (const part of stdin) parts.push(Buffer.from(part));
      return Buffer.concat(parts)
        .toString('utf8')
        .replace(/\r?\n$/, '');
    },
  };
}

export type Prompt = ReturnType<typeof createPrompt>;

type Question = { stdin: TerminalInput; stderr: Writable; question: string; isSecret: boolean };

/** @throws Failure when the person gives up with Ctrl-C or Ctrl-D. */
function readLine({ stdin, stderr, question, isSecret }: Question): Promise<string> {
  const output = isSecret ? createSilence() : stderr;
  const lines = createInterface({ input: stdin, output, terminal: true, historySize: 0, prompt: question });
  if (isSecret) stderr.write(question);
  else lines.prompt();
  return new Promise((resolve, reject) => {
    let answer: string | undefined;
    lines.on('line', (line) => {
      answer = line;
      lines.close();
    });
    lines.on('SIGINT', () => lines.close());
    lines.on('close', () => {
      if (isSecret || answer === undefined) stderr.write('\n');
      if (answer === undefined) reject(new Failure({ message: 'Cancelled. Nothing was changed.' }));
      else resolve(answer);
    });
  });
}

function createSilence(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
