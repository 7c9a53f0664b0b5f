import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { SchemaMismatch } from './schema-compilers.ts';

/** Says in the catalogue's words what went wrong, whoever threw it. */
export function explainError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof SchemaMismatch) return errors.invalidRequest(error.problems);
  if (!(error instanceof Error)) return errors.internal().causedBy(error);
  return (explainFastifyError(error) ?? explainLostRegistry(error) ?? errors.internal()).causedBy(error);
}

function explainFastifyError(error: Error): AppError | undefined {
  const { code, statusCode } = codesOf(error);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE' || statusCode === 413) return errors.payloadTooLarge();
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || statusCode === 415) return errors.unsupportedMediaType();
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return errors.malformedBody('The body is empty.');
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH') return errors.routeNotFound();
  // Who serves the pages of /docs refuses an address that leads out of its folder.
  if (statusCode === 403 || statusCode === 404) return errors.routeNotFound();
  // What the body parser throws: no JSON, a forbidden member such as __proto__, a wrong Content-Length.
  if (statusCode === 400)
    return errors.malformedBody('The body is not valid JSON, or has a forbidden member.');
  return undefined;
}

/** The registry is the only database whose errors come to the door unnamed. */
function explainLostRegistry(error: Error): AppError | undefined {
  const { code } = codesOf(error);
  const isLost =
    /^(08...|57P0[1-3]|53300|25P03)$/.test(code) ||
    /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(code) ||
    /^(timeout exceeded when trying to connect|Connection terminated|timeout expired)/.test(error.message);
  return isLost ? errors.registryUnavailable() : undefined;
}

function codesOf(error: Error): { code: string; statusCode: number | undefined } {
  return {
    code: 'code' in error && typeof error.code === 'string' ? error.code : '',
    statusCode: 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined,
  };
}
