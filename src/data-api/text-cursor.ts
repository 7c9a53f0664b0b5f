import { dataErrors } from './data-error.ts';

const namePart = /[\p{L}\p{N}_$ ]+/uy;
const dash = /-(?!>)/y;
const quotedName = /"((?:[^"\\]|\\.)*)"/suy;

/** Reads one parameter of a query from left to right. What it does not understand is a PGRST100. */
export class TextCursor {
  readonly #text: string;
  readonly #what: string;
  #at = 0;

  /** `what` names the parameter in errors, like `failed to parse order`. */
  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = `${what} (${text})`;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }

  /** What the sticky pattern matches from here; undefined, and nothing taken, if it does not. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  startsWith(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  /** A column's name: letters, digits, `_`, `$`, blanks within and `-`, or anything in double quotes. */
  takeName(): string {
    const quoted = this.take(quotedName);
    if (quoted !== undefined) return (quoted[1] ?? '').replace(/\\(.)/gsu, '$1');
    const parts: string[] = [];
    do {
      const part = this.take(namePart)?.[0].trim();
      if (!part) this.fail('field name (* or [a..z0..9_$])');
      else parts.push(part);
    } while (this.take(dash) !== undefined);
    return parts.join('-');
  }

  fail(expected: string): never {
    const [found] = this.rest();
    const unexpected = found === undefined ? 'end of input' : `"${found}"`;
    throw dataErrors.unparsable(this.#what, this.#at + 1, `unexpected ${unexpected} expecting ${expected}`);
  }

  /** For what PostgREST knows and this does not, yet. */
  failUnsupported(feature: string): never {
    throw dataErrors.unparsable(this.#what, this.#at + 1, `${feature} not supported in this version`);
  }
}
