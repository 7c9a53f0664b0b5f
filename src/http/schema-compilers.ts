import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import type { FieldProblem } from '../errors/app-error.ts';

/** What the validator gives to Fastify; the error handler makes an `invalid_request` of it. */
export class SchemaMismatch extends Error {
  override readonly name = 'SchemaMismatch';
  readonly problems: readonly FieldProblem[];

  constructor(problems: readonly FieldProblem[]) {
    super('The request does not match the schema');
    this.problems = problems;
  }
}

/** Validates by a zod schema. Nothing is coerced but what the schema itself says. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (value) => {
    const result = schema.safeParse(value);
    if (result.success) return { value: result.data };
    return { error: new SchemaMismatch(fieldProblems(result.error)) };
  };
};

/** What is wrong, by field, in sentences that say what would be right. */
export function fieldProblems({ issues }: z.ZodError): FieldProblem[] {
  return issues.flatMap(problemsOf);
}

function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'unknown field' }));
  }
  return [{ path: pathOf(issue.path), message: sentenceOf(issue) }];
}

const formats: Readonly<Record<string, string>> = {
  uuid: 'must be an id such as 0199a0aa-0000-7000-8000-000000000001',
  email: 'must be an e-mail address',
  datetime: 'must be an instant such as 2026-01-31T10:00:00Z',
  date: 'must be a day such as 2026-01-31',
  url: 'must be a URL such as https://example.com',
  limit: 'must be a whole number from 1 to 200',
};

/** The schema's own sentence where it has one; zod's speak of types and options. */
function sentenceOf(issue: z.core.$ZodIssue): string {
  if (/^must /.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      return formats[issue.format] ?? `must match ${issue.pattern ?? issue.format}`;
    case 'invalid_type':
      return issue.input === undefined && issue.message.endsWith('received undefined')
        ? 'is missing'
        : `must be ${typeNames[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return bound('at least', Number(issue.minimum), issue.origin);
    case 'too_big':
      return bound('at most', Number(issue.maximum), issue.origin);
    default:
      return issue.message;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

const units: Readonly<Record<string, string>> = { string: 'character', array: 'entry', set: 'entry' };

function bound(side: 'at least' | 'at most', limit: number, origin: string): string {
  const unit = units[origin];
  if (unit === undefined) return `must be ${side} ${limit}`;
  const named = limit === 1 ? unit : `${unit}s`.replace(/ys$/, 'ies');
  return `must have ${side} ${limit} ${named}`;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'body' : path.map(String).join('.');
}
