import { AppError, type ErrorDefinition, type FieldProblem } from './app-error.ts';
import { defineError } from './define-error.ts';

const invalidRequestDefinition: ErrorDefinition = {
  code: 'invalid_request',
  status: 400,
  title: 'Invalid request',
  retry: 'never',
};

/** What a caller did. Details may be shown to the caller. */
export const requestErrors = {
  invalidRequest: Object.assign(
    (problems: readonly FieldProblem[]) =>
      new AppError(invalidRequestDefinition, problems.map((p) => `${p.path}: ${p.message}`).join('; '), {
        problems,
      }),
    { definition: invalidRequestDefinition },
  ),
  malformedBody: defineError(['malformed_body', 400, 'Malformed body'], (why: string) => why),
  malformedRequest: defineError(
    ['malformed_request', 400, 'Malformed request'],
    () => 'This is not valid HTTP.',
  ),
  requestTimeout: defineError(
    ['request_timeout', 408, 'Request timeout'],
    () => 'The request did not arrive in time.',
    { retry: 'soon' },
  ),
  headersTooLarge: defineError(
    ['headers_too_large', 431, 'Headers too large'],
    () => 'The headers are larger than 16 KiB.',
  ),
  notAuthenticated: defineError(
    ['not_authenticated', 401, 'Not authenticated'],
    () => 'A valid access token is needed: Authorization: Bearer <access token>.',
  ),
  invalidCredentials: defineError(
    ['invalid_credentials', 401, 'Invalid credentials'],
    () => 'The e-mail address or the password is wrong.',
  ),
  invalidRefreshToken: defineError(
    ['invalid_refresh_token', 401, 'Invalid refresh token'],
    () => 'The refresh token is unknown, expired or was used before. Log in again.',
  ),
  invalidAdminKey: defineError(
    ['invalid_admin_key', 401, 'Invalid admin key'],
    () => 'A valid admin key is needed: X-Admin-Key: <key>.',
  ),
  forbidden: defineError(['forbidden', 403, 'Forbidden'], (needed: string) => `This needs ${needed}.`),
  tenantMismatch: defineError(
    ['tenant_mismatch', 403, 'Tenant mismatch'],
    () => 'The request names another tenant than the access token.',
  ),
  notFound: defineError(['not_found', 404, 'Not found'], (what: string) => `There is no such ${what}.`),
  routeNotFound: defineError(
    ['route_not_found', 404, 'Route not found'],
    () => 'There is nothing at this address. See /docs.',
  ),
  methodNotAllowed: defineError(
    ['method_not_allowed', 405, 'Method not allowed'],
    (allowed: string) => `Allowed here: ${allowed}.`,
  ),
  payloadTooLarge: defineError(
    ['payload_too_large', 413, 'Payload too large'],
    () => 'The body is larger than 1 MiB.',
  ),
  unsupportedMediaType: defineError(
    ['unsupported_media_type', 415, 'Unsupported media type'],
    () => 'Send application/json.',
  ),
  slugTaken: defineError(
    ['slug_taken', 409, 'Slug taken'],
    (slug: string) => `The slug "${slug}" belongs to another organization.`,
  ),
  emailTaken: defineError(
    ['email_taken', 409, 'E-mail taken'],
    () => 'This address is registered with another password. Use that password, or another address.',
  ),
  tenantChoiceRequired: defineError(
    ['tenant_choice_required', 409, 'Tenant choice required'],
    () => 'You belong to several organizations: send tenant_key.',
  ),
  seatLimitReached: defineError(
    ['seat_limit_reached', 409, 'Seat limit reached'],
    (plan: string, seats: number) =>
      `The plan "${plan}" has ${seats} seats and all are taken. Remove a member or change the plan.`,
  ),
  alreadyMember: defineError(
    ['already_member', 409, 'Already a member'],
    () => 'This person is a member already.',
  ),
  lastAdmin: defineError(
    ['last_admin', 409, 'Last administrator'],
    () => 'An organization keeps at least one ADMIN. Make another member ADMIN first.',
  ),
  templateExists: defineError(
    ['template_exists', 409, 'Template exists'],
    (key: string) => `There is a template with the key "${key}" already. Choose another key.`,
  ),
  stateConflict: defineError(
    ['state_conflict', 409, 'State conflict'],
    (status: string, action: string, instead?: string) =>
      `A tenant that is ${status} cannot be ${action}${instead === undefined ? '' : `: ${instead}`}.`,
  ),
  jobStateConflict: defineError(
    ['job_state_conflict', 409, 'State conflict'],
    (status: string, action: string) => `A job that is ${status} cannot be ${action}.`,
  ),
  confirmationRequired: defineError(
    ['confirmation_required', 400, 'Confirmation required'],
    (slug: string) => `This destroys the tenant's data for good: add confirm=${slug}.`,
  ),
  idempotencyKeyReused: defineError(
    ['idempotency_key_reused', 422, 'Idempotency key reused'],
    () => 'This Idempotency-Key was used with another body. Use a new key.',
  ),
  idempotencyInProgress: defineError(
    ['idempotency_in_progress', 409, 'Still in progress'],
    () => 'The first request with this Idempotency-Key is still running. Try again shortly.',
    { retry: 'soon' },
  ),
  clientClosedRequest: defineError(
    ['client_closed_request', 499, 'Client closed request'],
    () => 'The client went away before the answer.',
  ),
  tooManyAttempts: defineError(
    ['too_many_attempts', 429, 'Too many attempts'],
    () => 'Too many failed attempts. Try again later.',
    { retryAfterSeconds: 60 },
  ),
  rateLimited: defineError(['rate_limited', 429, 'Too many requests'], () => 'Too many requests from here.', {
    retryAfterSeconds: 60,
  }),
} as const;
