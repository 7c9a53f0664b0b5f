import type { AdminAnswer, AdminCall, AdminRequest } from './admin-request.ts';
import { Failure, wrongUsage } from './failure.ts';

type Needs = {
  /** TENANT_MANAGER_URL; may have a path, under which the API lies. */
  url: string;
  /** TENANT_MANAGER_ADMIN_KEY; appears in a header and nowhere else. */
  key: string;
  /** Called at most once, with a sentence for the person at the terminal. */
  warn: (text: string) => void;
};

/** Above the 25 s that a call may ask the API to wait. */
const timeoutMs = 40_000;

/** @throws Failure for a URL or a key that cannot work. */
export function createHttpAdminRequest({ url, key, warn }: Needs): AdminRequest {
  const base = readBase(url);
  const headers = { accept: 'application/json', 'x-admin-key': readKey(key) };
  let isChecked = false;

  return async (call) => {
    if (!isChecked && base.protocol === 'http:' && !isLocal(base.hostname)) {
      warn(
        `TENANT_MANAGER_URL is http:// to another machine: the admin key travels unencrypted. Use https://.`,
      );
    }
    isChecked = true;
    const response = await send(base, call, headers);
    return readAnswer(response, base);
  };
}

function readBase(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw wrongUsage('TENANT_MANAGER_URL must be a URL such as https://tenants.example.com.');
  }
  if (base.username !== '' || base.password !== '') {
    throw wrongUsage(
      'TENANT_MANAGER_URL must not contain a login. The key belongs in TENANT_MANAGER_ADMIN_KEY.',
    );
  }
  return base;
}

function readKey(key: string): string {
  const trimmed = key.trim();
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw wrongUsage('TENANT_MANAGER_ADMIN_KEY is empty or has characters that no header can carry.');
}

/** Where nobody listens in between. */
function isLocal(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

async function send(base: URL, call: AdminCall, headers: Record<string, string>): Promise<Response> {
  const { method, path, query = {}, body } = call;
  const address = new URL(`${base.pathname.replace(/\/+$/, '')}${path}`, base);
  address.search = new URLSearchParams(query).toString();
  try {
    return await fetch(address, {
      method,
      headers: {
        ...call.headers,
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A redirect to another host would take the key there.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw noAnswer(base, error);
  }
}

async function readAnswer(response: Response, base: URL): Promise<AdminAnswer> {
  const { status } = response;
  if (status >= 300 && status < 400) throw redirected(base, response.headers.get('location'));
  const text = await response.text().catch((error: unknown) => {
    throw noAnswer(base, error);
  });
  return { status, body: parseJson(text) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function redirected(base: URL, location: string | null): Failure {
  const target = location === null ? undefined : new URL(location, base).origin;
  return new Failure({
    title: 'Redirected',
    message: `${shown(base)} sends on to ${target ?? 'another address'}. The admin key is not sent there.`,
    hints: ['Set TENANT_MANAGER_URL to the address at which the API itself answers.'],
  });
}

function noAnswer(base: URL, error: unknown): Failure {
  const { why, hint } = explain(base, error);
  return new Failure({
    title: 'No answer',
    message: `${shown(base)} does not answer: ${why}.`,
    hints: [hint],
    passesByItself: true,
    isUnanswered: true,
    cause: error,
  });
}

function explain(base: URL, error: unknown): { why: string; hint: string } {
  const code = codeOf(error);
  const check = 'Check TENANT_MANAGER_URL and the network between.';
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { why: `nothing came within ${timeoutMs / 1_000} s`, hint: check };
  }
  if (code === 'ECONNREFUSED') {
    return { why: 'nothing listens there', hint: `Is it running? Start it with: npm start. ${check}` };
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return { why: `the name ${base.hostname} is not known`, hint: check };
  }
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return {
      why: `its TLS certificate is not trusted (${code})`,
      hint: 'For a certificate authority of your own, set NODE_EXTRA_CA_CERTS to its certificate.',
    };
  }
  return { why: code === '' ? 'the connection failed' : `the connection failed (${code})`, hint: check };
}

/** fetch wraps what happened, and a name with two addresses wraps it twice. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string' && error.name !== 'TimeoutError') return error.code;
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return codeOf(error.cause);
}

function shown(base: URL): string {
  return `${base.origin}${base.pathname === '/' ? '' : base.pathname}`;
}
