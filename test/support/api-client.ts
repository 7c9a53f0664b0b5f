// biome-ignore-all lint/suspicious/noExplicitAny: what comes back is what the test looks at.
export type Answer = { status: number; headers: Headers; body: any };

/** Of everybody who is registered by it. */
export const registerPassword = 'Test123!';

/** Speaks JSON with one API process. */
export function createApiClient(origin: string, headers: Record<string, string> = {}) {
  async function call(
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: {
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  }

  return {
    origin,
    get: (path: string, headers: Record<string, string> = {}) => call('GET', path, { headers }),
    post: (path: string, body: unknown, headers: Record<string, string> = {}) =>
      call('POST', path, { body, headers }),
    delete: (path: string) => call('DELETE', path),
    register: (name: string, email: string, headers: Record<string, string> = {}) =>
      call('POST', '/api/auth/register-organization', {
        body: { organization_name: name, admin_email: email, admin_password: registerPassword },
        headers,
      }),
    /** The same API as somebody else. */
    as: (more: Record<string, string>) => createApiClient(origin, { ...headers, ...more }),
    withToken: (token: string) => createApiClient(origin, { ...headers, authorization: `Bearer ${token}` }),
  };
}
