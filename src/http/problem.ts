import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { tenantErrors } from '../errors/tenant-errors.ts';

export const problemType = 'application/problem+json';

/** RFC 9457, with what this API adds. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  success: false;
  code: string;
  request_id: string;
  errors?: readonly { path: string; message: string }[];
};

export type ProblemPlace = {
  publicUrl: string;
  /** The path that was asked for. */
  path: string;
  requestId: string;
};

/**
 * The errors of 5xx whose texts are known to speak of nothing inside; of all others the caller learns the title
 * at most.
 */
const harmless = new Set([
  ...Object.values(tenantErrors).map(({ definition }) => definition.code),
  errors.adminNotConfigured.definition.code,
  errors.registryUnavailable.definition.code,
  errors.registryNotMigrated.definition.code,
  errors.registrationsFull.definition.code,
  errors.overloaded.definition.code,
  errors.shuttingDown.definition.code,
]);

/** The document that a caller gets. What a 500 was is found in the log by the request id. */
export function toProblem(error: AppError, { publicUrl, path, requestId }: ProblemPlace): Problem {
  const shown = error.status >= 500 && error.status !== 503 ? errors.internal() : error;
  const { code, title, status } = shown.definition;
  const isTold = status < 500 || harmless.has(code) || code === 'internal_error';
  return {
    ...(isTold ? shown.extensions : {}),
    type: `${publicUrl}/docs/errors#${code}`,
    title,
    status,
    detail: isTold ? shown.message : `${title}. It passes by itself, or an operator sees to it.`,
    instance: path,
    success: false,
    code,
    request_id: requestId,
    ...(shown.problems.length === 0 ? {} : { errors: shown.problems }),
  };
}

/** Headers that belong to an error whatever else is in the answer. */
export function problemHeaders({ definition, retryAfterSeconds }: AppError): Record<string, string> {
  const { status, retry } = definition;
  const mustTellWhen = status === 429 || status === 503;
  const seconds = retryAfterSeconds ?? (mustTellWhen ? 2 : 1);
  return {
    ...(mustTellWhen || (status === 409 && retry === 'soon') ? { 'retry-after': String(seconds) } : {}),
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="tenant-manager"' } : {}),
    'cache-control': 'no-store',
  };
}
