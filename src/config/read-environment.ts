import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'dotenv';
import type { AnySetting } from './setting.ts';

export type Environment = Record<string, string | undefined>;

/** Where the processes find their variables: `.env` in the working folder, below what the environment says. */
export function readEnvironment(folder = process.cwd()): Environment {
  const path = join(folder, '.env');
  const file = existsSync(path) ? parse(readFileSync(path)) : {};
  return { ...file, ...withoutEmpty(process.env) };
}

export type RawValue = { readonly value: string; readonly variable: string };

/**
 * The text of a setting and the name it was given under: its own name, `NAME_FILE` for a secret, then its
 * aliases in order. An empty variable counts as unset, since Compose files pass those on.
 */
export function findValue(name: string, setting: AnySetting, environment: Environment): RawValue | undefined {
  for (const variable of [name, ...(setting.aliases ?? [])]) {
    const value = environment[variable];
    if (value !== undefined && value !== '') return { value, variable };
    const file = setting.secret === true ? environment[`${variable}_FILE`] : undefined;
    if (file !== undefined && file !== '') {
      return { value: readFileSync(file, 'utf8').replace(/\r?\n$/, ''), variable: `${variable}_FILE` };
    }
  }
  return undefined;
}

function withoutEmpty(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
}
