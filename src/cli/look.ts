import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** How a stream wants its text. */
export type Look = {
  isTerminal: boolean;
  /** Columns of the terminal; Infinity where nothing must fit. */
  columns: number;
  paint: (style: Style, text: string) => string;
};

type Shown = { isTTY?: boolean | undefined; columns?: number | undefined };

const usualColumns = 80;

/** Colours only on a terminal, and not for people who asked for none (no-color.org). */
export function lookOf(stream: Shown, noColor: boolean): Look {
  const isTerminal = stream.isTTY === true;
  const hasColors = isTerminal && !noColor;
  return {
    isTerminal,
    columns: isTerminal ? (stream.columns ?? usualColumns) || usualColumns : Number.POSITIVE_INFINITY,
    paint: (style, text) => (hasColors ? styleText(style, text, { validateStream: false }) : text),
  };
}

const colorOfStatus: Readonly<Record<string, Style>> = {
  active: 'green',
  healthy: 'green',
  ok: 'green',
  completed: 'green',
  ready: 'green',
  'up to date': 'green',
  requested: 'cyan',
  provisioning: 'cyan',
  awaiting_verification: 'cyan',
  pending: 'cyan',
  building: 'cyan',
  'not built': 'cyan',
  open: 'green',
  unchecked: 'cyan',
  draining: 'yellow',
  expired: 'yellow',
  suspended: 'yellow',
  read_only: 'yellow',
  maintenance: 'yellow',
  frozen: 'yellow',
  deleting: 'yellow',
  retiring: 'yellow',
  dropping: 'yellow',
  'source changed': 'yellow',
  degraded: 'yellow',
  failed: 'red',
  unhealthy: 'red',
  purging: 'red',
};

/** Text in the colour that says how good the state is. */
export function paintStatus(look: Look, text: string, status = text): string {
  const color = colorOfStatus[status];
  return color === undefined ? text : look.paint(color, text);
}
