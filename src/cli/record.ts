import { displayWidth } from './display-width.ts';
import type { Look } from './look.ts';
import { printable } from './printable.ts';

export type Field = {
  label: string;
  /** undefined: the line is left out. */
  value: string | undefined;
  paint?: (text: string) => string;
};

const indent = '  ';

/** A heading and one aligned line for each field. */
export function renderRecord(heading: string, fields: readonly Field[], look: Look): string {
  const shown = fields.filter(({ value }) => value !== undefined);
  const labelWidth = Math.max(0, ...shown.map(({ label }) => displayWidth(label)));
  const lines = shown.map(({ label, value = '', paint }) => {
    const text = printable(value);
    const space = ' '.repeat(labelWidth - displayWidth(label));
    return `${indent}${look.paint('dim', label)}${space}  ${paint?.(text) ?? text}`;
  });
  return `${[look.paint('bold', printable(heading)), ...lines].join('\n')}\n`;
}
