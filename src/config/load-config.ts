import { errors } from '../errors/catalogue.ts';
import { type SettingName, type SettingValues, settings } from './config.ts';
import { foreignVariableNotices, withDatabaseUrlSplit } from './foreign-variables.ts';
import { type Environment, findValue } from './read-environment.ts';
import { type ConfigProblem, type ProcessRole, resolveSettings } from './resolve-settings.ts';
import type { AnySetting } from './setting.ts';

/** All settings with everything resolved that depends on another setting. */
export type Config = ReturnType<typeof resolveSettings>;

/**
 * Reads the whole environment at once.
 * @throws configuration_invalid with every problem, each with its variable, what is wrong, what would be right.
 */
export function loadConfig(given: Environment, role: ProcessRole): { config: Config; notices: string[] } {
  const problems: ConfigProblem[] = [];
  const environment = withDatabaseUrlSplit(given, problems);
  const notices = foreignVariableNotices(environment);
  const values = parseAll(environment, problems);
  const config = resolveSettings({ values, role, problems, notices });
  if (problems.length > 0) throw errors.configurationInvalid(report(problems));
  return { config, notices };
}

/** Whether the environment names a registry; if it does not, an embedded one is started. */
export function namesRegistry(environment: Environment): boolean {
  // A file that cannot be read was meant to name one; what is wrong with it is said with all other problems.
  const unread: ConfigProblem[] = [];
  return findRaw('GLOBAL_DATABASE_URL', environment, unread) !== undefined || unread.length > 0;
}

function parseAll(environment: Environment, problems: ConfigProblem[]): SettingValues {
  const parsed = Object.keys(settings).map((name) => [
    name,
    parseOne(name as SettingName, environment, problems),
  ]);
  return Object.fromEntries(parsed) as SettingValues;
}

function parseOne(name: SettingName, environment: Environment, problems: ConfigProblem[]): unknown {
  const setting: AnySetting = settings[name];
  const found = findRaw(name, environment, problems);
  const raw = found?.value ?? setting.default;
  if (raw === undefined) return undefined;
  const result = setting.parse.safeParse(raw);
  if (result.success) return result.data;
  const shown = setting.secret === true ? '(not shown)' : JSON.stringify(raw);
  problems.push({
    variable: found?.variable ?? name,
    wrong: `is ${shown}`,
    right: `It ${result.error.issues.map((issue) => issue.message).join(', ')}.`,
  });
  return setting.default === undefined ? undefined : setting.parse.parse(setting.default);
}

function findRaw(name: SettingName, environment: Environment, problems: ConfigProblem[]) {
  try {
    return findValue(name, settings[name], environment);
  } catch (error) {
    problems.push({
      variable: `${name}_FILE`,
      wrong: `cannot be read (${error instanceof Error ? error.message : String(error)})`,
      right: 'Name a file that this process may read.',
    });
    return undefined;
  }
}

function report(problems: readonly ConfigProblem[]): string {
  const lines = problems.map(({ variable, wrong, right }) => `  ${variable} ${wrong}. ${right}`);
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return [`The configuration has ${count}:`, ...lines].join('\n');
}
