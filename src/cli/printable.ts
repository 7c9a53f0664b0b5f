/**
 * Control characters, and format characters that turn the direction of text or hide: names come from strangers,
 * and a terminal obeys them. The joiners U+200C and U+200D stay, since scripts and emoji need them.
 */
const unsafe = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** One line that shows what the text contains and makes the terminal do nothing. */
export function printable(text: string): string {
  return text.replace(unsafe, escapeCharacter);
}

/** The same, keeping line ends. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** JSON with the same value. `JSON.stringify` leaves C1 controls as they are, and some terminals obey those too. */
export function printableJson(value: unknown): string {
  const json = JSON.stringify(value ?? null, null, 2);
  return json.split('\n').map(escapeForJson).join('\n');
}

function escapeForJson(line: string): string {
  return line.replace(unsafe, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

function escapeCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  return point <= 0xff ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u{${point.toString(16)}}`;
}
