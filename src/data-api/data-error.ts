/** An error in PostgREST's shape. Codes are PostgREST's (PGRST…) or PostgreSQL's SQLSTATE. */
export type DataErrorBody = {
  readonly code: string;
  readonly message: string;
  readonly details: string | null;
  readonly hint: string | null;
};

/** What a caller of the data API did wrong, or the tenant's own database refused. */
export class DataError extends Error {
  override readonly name = 'DataError';
  /** HTTP status of the answer. */
  readonly status: number;
  readonly body: DataErrorBody;

  constructor(
    status: number,
    body: Partial<DataErrorBody> & Pick<DataErrorBody, 'code' | 'message'>,
    cause?: unknown,
  ) {
    super(body.message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.body = { details: null, hint: null, ...body };
  }
}

/** Each with PostgREST's own code, status and wording (its error reference, version 14). */
export const dataErrors = {
  /** `what` names the parameter and its text, `details` what was found and what would be right. */
  unparsable: (what: string, column: number, details: string) =>
    new DataError(400, { code: 'PGRST100', message: `"${what}" (line 1, column ${column})`, details }),

  invalidBody: (message: string) => new DataError(400, { code: 'PGRST102', message }),

  invalidRange: (details: string) =>
    new DataError(416, { code: 'PGRST103', message: 'Requested range not satisfiable', details }),

  unknownSchema: (schema: string, exposed: readonly string[]) =>
    new DataError(406, {
      code: 'PGRST106',
      message: `Invalid schema: ${schema}`,
      hint: `Only the following schemas are exposed: ${exposed.join(', ')}`,
    }),

  mediaTypeUnavailable: (types: string) =>
    new DataError(406, {
      code: 'PGRST107',
      message: `None of these media types are available: ${types}`,
    }),

  invalidPreferences: (preferences: readonly string[]) =>
    new DataError(400, {
      code: 'PGRST122',
      message: 'Invalid preferences given with handling=strict',
      details: `Invalid preferences: ${preferences.join(', ')}`,
    }),

  notImplemented: (details: string) =>
    new DataError(400, { code: 'PGRST127', message: 'Feature not implemented', details }),

  unknownColumn: (column: string, table: string) =>
    new DataError(400, {
      code: 'PGRST204',
      message: `Could not find the '${column}' column of '${table}' in the schema cache`,
    }),

  unknownTable: (schema: string, table: string) =>
    new DataError(404, {
      code: 'PGRST205',
      message: `Could not find the table '${schema}.${table}' in the schema cache`,
    }),

  accessRefused: (message: string) => new DataError(403, { code: '42501', message }),
} as const;
