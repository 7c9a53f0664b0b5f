import type { SeedPlaceholder, SeedScript } from '../config/seed-script.ts';
import { quoteLiteral } from '../databases/quote.ts';

export type SeedValues = Readonly<Record<SeedPlaceholder, string>>;

/** The script for one tenant, and the way back from it to the file. */
export function renderSeed({ parts, statements }: SeedScript, values: SeedValues) {
  const pieces: { text: string; at: number; fileStart: number }[] = [];
  let length = 0;
  for (const part of parts) {
    const text = part.kind === 'sql' ? part.text : literal(values[part.name]);
    pieces.push({ text, at: length, fileStart: part.start });
    length += text.length;
  }

  /** The offset in the file of a place in the text. */
  const inFile = (offset: number): number => {
    const piece = pieces.findLast(({ at }) => at <= offset);
    return piece === undefined ? 0 : piece.fileStart + (offset - piece.at);
  };

  return {
    text: pieces.map(({ text }) => text).join(''),

    /** Where an error is: the statement by number, and its line, or the line within it that the server named. */
    whereOf({ completed, offset }: { completed: number; offset: number | null }): string {
      const reached =
        offset === null ? completed : statements.findLastIndex(({ start }) => start <= inFile(offset));
      const index = Math.min(Math.max(reached, 0), statements.length - 1);
      const line = offset === null ? (statements[index]?.line ?? 1) : lineOf(parts, inFile(offset));
      return `line ${line}, statement ${index + 1} of ${statements.length}`;
    },
  };
}

/** The comment keeps it from being read as one with a quote before it, as E'' or over a line end. */
const literal = (value: string): string => `/**/${quoteLiteral(value)}/**/`;

function lineOf(parts: SeedScript['parts'], fileOffset: number): number {
  let line = 1;
  for (const part of parts) {
    if (part.start > fileOffset) break;
    const text = part.kind === 'sql' ? part.text.slice(0, fileOffset - part.start) : '';
    line += text.split('\n').length - 1;
  }
  return line;
}
