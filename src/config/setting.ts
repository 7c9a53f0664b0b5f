import type { z } from 'zod';

/** One variable of the environment: how it is read, and what the generated reference says of it. */
export type Setting<Value, Default extends string | undefined> = {
  readonly group: string;
  readonly doc: string;
  readonly parse: z.ZodType<Value, string>;
  /** As it would be written in the environment; undefined where there is none. */
  readonly default: Default;
  /** Said in the reference instead of a default, e.g. "embedded". */
  readonly defaultDoc?: string;
  readonly aliases?: readonly string[];
  /** May be given as NAME_FILE, and is never shown. */
  readonly secret?: boolean;
  readonly example?: string;
};

// biome-ignore lint/suspicious/noExplicitAny: the widest setting, for lists of all of them.
export type AnySetting = Setting<any, string | undefined>;

export type ValueOf<S> =
  S extends Setting<infer Value, infer Default>
    ? Default extends string
      ? Value
      : Value | undefined
    : never;

type Options<Default> = Omit<Setting<unknown, string | undefined>, 'group' | 'parse' | 'doc' | 'default'> & {
  default?: Default;
};

/** Declares the settings of one group of the reference. */
export function group(name: string) {
  return function setting<Value, const Default extends string | undefined = undefined>(
    parse: z.ZodType<Value, string>,
    doc: string,
    options: Options<Default> = {},
  ): Setting<Value, Default> {
    return { ...options, group: name, doc, parse, default: options.default as Default };
  };
}
