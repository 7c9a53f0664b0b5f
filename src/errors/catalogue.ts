import type { ErrorDefinition } from './app-error.ts';
import { requestErrors } from './request-errors.ts';
import { serverErrors } from './server-errors.ts';
import { systemErrors } from './system-errors.ts';
import { tenantErrors } from './tenant-errors.ts';

/** Every error of the system: `throw errors.slugTaken('acme')`. */
export const errors = { ...requestErrors, ...tenantErrors, ...serverErrors, ...systemErrors } as const;

/** Every definition: the generated reference and its test read this. */
export const errorDefinitions: readonly ErrorDefinition[] = Object.values(errors).map(
  (factory) => factory.definition,
);
