import type { Writable } from 'node:stream';
import { type Look, lookOf } from './look.ts';
import { printableJson } from './printable.ts';

export type TerminalOutput = Writable & { isTTY?: boolean; columns?: number };

type Needs = {
  stdout: TerminalOutput;
  stderr: TerminalOutput;
  /** Whether the person asked for no colours. */
  noColor: boolean;
};

const clearLine = '\r\u001b[2K';

/**
 * Data goes to stdout, everything else to stderr. A reader that has seen enough (`| head`) closes the pipe:
 * what comes after that is dropped without a word.
 */
export function createOutput({ stdout, stderr, noColor }: Needs) {
  const look: Look = lookOf(stdout, noColor);
  const messageLook: Look = lookOf(stderr, noColor);
  let hasProgress = false;
  // The callback of each write learns of an error; without a listener the process would die of it.
  stdout.on('error', () => undefined);
  stderr.on('error', () => undefined);

  async function say(text: string): Promise<void> {
    await endProgress();
    await write(stderr, `${text}\n`);
  }

  async function endProgress(): Promise<void> {
    if (!hasProgress) return;
    hasProgress = false;
    await write(stderr, clearLine);
  }

  return {
    /** Of stdout. */
    look,
    /** Of stderr. */
    messageLook,
    /** Data for people; ends with a line end. */
    text: async (text: string) => {
      await endProgress();
      await write(stdout, text);
    },
    json: async (value: unknown) => {
      await endProgress();
      await write(stdout, `${printableJson(value)}\n`);
    },
    say,
    /** One line on a terminal that the next one replaces; nothing elsewhere. */
    progress: async (text: string) => {
      if (!messageLook.isTerminal) return;
      hasProgress = true;
      await write(stderr, `${clearLine}${messageLook.paint('dim', text)}`);
    },
    endProgress,
  };
}

export type Output = ReturnType<typeof createOutput>;

function write(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error === null || error === undefined || isClosedPipe(error)) resolve();
      else reject(error);
    });
  });
}

function isClosedPipe(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ERR_STREAM_WRITE_AFTER_END';
}
