import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'dotenv';
import { describe, expect, test } from 'vitest';
import { referenceFiles } from '../../scripts/reference/reference-files.ts';
import { settings } from '../../src/config/config.ts';
import { foreignVariableNotices } from '../../src/config/foreign-variables.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { errorDefinitions } from '../../src/errors/catalogue.ts';

const root = join(import.meta.dirname, '../..');
const generated = new Map(referenceFiles().map(({ path, text }) => [path, text]));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

describe.each([...generated.keys()])('%s', (path) => {
  test('is current', () => {
    const isCurrent = existsSync(join(root, path)) && read(path) === generated.get(path);
    expect(isCurrent, `${path} is not current. Run: npm run docs`).toBe(true);
  });
});

describe('.env.example', () => {
  const text = generated.get('.env.example') ?? '';
  const assignments = [...text.matchAll(/^# ([A-Z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => ({
    name,
    value,
  }));

  test('has every variable once, each commented out', () => {
    expect(assignments.map(({ name }) => name)).toEqual(Object.keys(settings));
    expect(parse(text)).toEqual({});
  });

  test('has no secret in it', () => {
    const secrets = Object.entries(settings).filter(([, setting]) => 'secret' in setting);
    expect(secrets.length).toBeGreaterThan(5);
    for (const [name] of secrets) expect(assignments).toContainEqual({ name, value: '' });
  });

  test('starts the same with every comment sign taken away', () => {
    const uncommented = parse(text.replace(/^# (?=[A-Z0-9_]+=)/gm, ''));
    const JWT_SECRET = 'a-jwt-secret-that-is-only-for-these-tests-0123456789';
    const { config } = loadConfig({ ...uncommented, JWT_SECRET }, 'all');
    expect(config).toEqual(loadConfig({ JWT_SECRET }, 'all').config);
  });
});

describe('the configuration reference', () => {
  const text = generated.get('docs/reference/configuration.md') ?? '';

  test('has every variable and every other name of it', () => {
    for (const [name, setting] of Object.entries(settings)) {
      expect(text).toContain(`| \`${name}\` |`);
      if ('aliases' in setting) for (const alias of setting.aliases) expect(text).toContain(`\`${alias}\``);
    }
  });

  test('names what production asks for, and nothing else', () => {
    const sentence = /\*\*Required in production\*\*.*/.exec(text)?.[0] ?? '';
    const told = [...sentence.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name);
    expect(new Set(told)).toEqual(new Set(missingInProduction()));
  });
});

function missingInProduction(): string[] {
  try {
    loadConfig({ NODE_ENV: 'production' }, 'worker');
  } catch (error) {
    return [...String(error).matchAll(/^ {2}([A-Z_]+) is missing/gm)].map(([, name = '']) => name);
  }
  return [];
}

describe('the error reference', () => {
  const text = generated.get('docs/reference/errors.md') ?? '';

  test('has every error once, under an anchor of its code', () => {
    const anchors = [...text.matchAll(/<a id="([a-z_]+)"><\/a>/g)].map(([, id]) => id);
    expect(anchors.toSorted()).toEqual(errorDefinitions.map(({ code }) => code).toSorted());
    expect(new Set(anchors).size).toBe(anchors.length);
  });

  test('shows no value that is missing', () => {
    expect(text).not.toMatch(/undefined|NaN|\[object/);
  });
});

describe('coming from another system', () => {
  const text = read('docs/coming-from.md');
  const section = (title: string) => text.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
  const firstCells = (part: string) => [...part.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell);
  const namesIn = (cell: string) => [...cell.matchAll(/`([A-Z0-9_*]+)`/g)].map(([, name = '']) => name);

  test('what it calls ignored is ignored, with the notice that it gives', () => {
    const rows = [...section('Accepted and ignored').matchAll(/^\| (`.*?`) \| (.*?) \|$/gm)];
    expect(rows.length).toBeGreaterThan(5);
    for (const [, cell = '', why = ''] of rows) {
      for (const name of namesIn(cell)) {
        const notices = foreignVariableNotices({ [name.replace('*', 'X')]: 'true' });
        expect(notices, name).toHaveLength(1);
        expect(notices[0]).toContain(why);
      }
    }
  });

  test('every name that it calls understood is one', () => {
    const understood = new Set<string>();
    for (const setting of Object.values(settings)) {
      if ('aliases' in setting) for (const alias of setting.aliases) understood.add(alias);
    }
    const told = firstCells(section('Names that are understood')).flatMap(namesIn);
    expect(new Set(told)).toEqual(understood);
  });
});

test('every link between the documents leads somewhere', () => {
  const documents = [...generated.keys(), 'docs/coming-from.md'].filter((path) => path.endsWith('.md'));
  for (const path of documents) {
    const links = [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) => link);
    for (const link of links)
      expect(existsSync(join(root, dirname(path), link)), `${path}: ${link}`).toBe(true);
  }
});
