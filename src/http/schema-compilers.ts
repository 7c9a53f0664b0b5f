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
    return { error: new SchemaMismatch(result.error.issues.flatMap(problemsOf)) };
  };
};

function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'unknown field' }));
  }
  return [{ path: pathOf(issue.path), message: issue.message }];
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'body' : path.map(String).join('.');
}
