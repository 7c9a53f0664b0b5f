import { z } from 'zod';
import { settings } from '../../src/config/config.ts';
import type { AnySetting } from '../../src/config/setting.ts';

export type NamedSetting = { name: string; setting: AnySetting };

/** All settings in the order of config.ts, under their groups. */
export function settingsByGroup(): { group: string; settings: NamedSetting[] }[] {
  const named = Object.entries(settings).map(([name, setting]): NamedSetting => ({ name, setting }));
  const groups = [...new Set(named.map(({ setting }) => setting.group))];
  return groups.map((group) => ({
    group,
    settings: named.filter(({ setting }) => setting.group === group),
  }));
}

/** The values between which one chooses; undefined where there are too many to list. */
export function choicesOf({ parse }: AnySetting): string[] | undefined {
  return parse instanceof z.ZodEnum ? parse.options.map(String) : undefined;
}

/** Secrets that one makes oneself; the others are logins that somebody else gives. */
export function isMadeByHand({ secret, group }: AnySetting): boolean {
  return secret === true && group === 'Secrets and tokens';
}
