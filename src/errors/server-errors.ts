import { defineError } from './define-error.ts';

/** What is in the way of a database server that an operator adds, changes or takes away. */
export const serverErrors = {
  serverExists: defineError(
    ['server_exists', 409, 'Server exists'],
    (name: string, address: string) =>
      `There is a server with the name "${name}" or at ${address} already. See them with: tenant-cli servers`,
  ),
  serverStateConflict: defineError(
    ['server_state_conflict', 409, 'State conflict'],
    (status: string, action: string, instead: string) =>
      `A server that is ${status} cannot be ${action}: ${instead}.`,
  ),
  serverInUse: defineError(
    ['server_in_use', 409, 'Server in use'],
    (name: string, what: string) =>
      `The server "${name}" still has ${what}. Let it be drained, and move or purge what is on it; then remove it.`,
  ),
  serverFromEnvironment: defineError(
    ['server_from_environment', 409, 'Server of the environment'],
    (name: string, what: string) =>
      `The server "${name}" is the one of POSTGRES_HOST and POSTGRES_PORT: ${what} by the workers’ environment.`,
  ),
  serverUnfit: defineError(
    ['server_unfit', 409, 'Server unfit'],
    (name: string, why: string) => `The server "${name}" cannot take tenants: ${why}`,
  ),
  workerKeyUnknown: defineError(
    ['worker_key_unknown', 503, 'No worker yet'],
    () =>
      'No worker was ever started here, so that there is no key to seal the login for. Start a worker, and try again.',
    { retryAfterSeconds: 30 },
  ),
} as const;
