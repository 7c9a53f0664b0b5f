import { AppError, type ErrorDefinition, type RetryAdvice } from './app-error.ts';

type Options = { retry?: RetryAdvice; retryAfterSeconds?: number };
type Factory<Args extends unknown[]> = ((...args: Args) => AppError) & { definition: ErrorDefinition };

/** Makes the factory of one error; its docstring is the `title`, its text the `detail`. */
export function defineError<Args extends unknown[]>(
  [code, status, title]: readonly [string, number, string],
  detail: (...args: Args) => string,
  options: Options = {},
): Factory<Args> {
  const passesByItself = status === 503 || status === 429;
  const definition: ErrorDefinition = {
    code,
    status,
    title,
    retry: options.retry ?? (passesByItself ? 'soon' : 'never'),
    ...(passesByItself ? { retryAfterSeconds: options.retryAfterSeconds ?? 2 } : {}),
  };
  return Object.assign((...args: Args) => new AppError(definition, detail(...args)), { definition });
}
