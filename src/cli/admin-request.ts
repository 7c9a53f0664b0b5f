/** One call of the admin API, however it gets there. */
export type AdminCall = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Begins with a slash, e.g. `/api/admin/tenants`. */
  path: string;
  query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
};

/** The answer as it came: `body` is parsed JSON, or the text of anything else. */
export type AdminAnswer = { status: number; body: unknown };

/**
 * Asks the admin API over HTTP, or the same code within this process. Called only when a command needs it.
 * An error status is an answer; a throw means that there is none.
 */
export type AdminRequest = (call: AdminCall) => Promise<AdminAnswer>;
