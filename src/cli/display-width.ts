const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Emoji, and the scripts whose characters take two cells of a terminal (Unicode, East Asian Width W and F). */
const wide =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji}\ufe0f/u;

/** Most texts: counted without taking them apart, which is a hundred times slower. */
const isPrintableAscii = /^[ -~]*$/;

/** Cells that a line takes on a terminal. */
export function displayWidth(text: string): number {
  if (isPrintableAscii.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}

/** The text in at most `cells` cells; a cut is marked with `…`. */
export function truncateTo(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text;
  let kept = '';
  let width = 1;
  for (const { segment } of segmenter.segment(text)) {
    width += wide.test(segment) ? 2 : 1;
    if (width > cells) break;
    kept += segment;
  }
  return `${kept}…`;
}
