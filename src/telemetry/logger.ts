import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { AppError } from '../errors/app-error.ts';
import { currentContext } from './request-context.ts';

export type { Logger };

/** Members that are never written, at the top and one level down; a second line of defence behind not logging them. */
const secretMembers = [
  'password',
  'admin_password',
  'password_hash',
  'passwordHash',
  'access_token',
  'refresh_token',
  'token',
  'secret',
  'authorization',
  'cookie',
  '["x-admin-key"]',
  '["x-admin-api-key"]',
  'adminPassword',
  'connectionString',
];

export type LoggerOptions = {
  level: string;
  /** `api`, `worker` …; in every line. */
  service: string;
  /** Readable lines with colours, for a person at a terminal. */
  readable?: boolean;
  /** Where lines go; standard output if left out. */
  destination?: DestinationStream;
};

export function createLogger({ level, service, readable = false, destination }: LoggerOptions): Logger {
  const stream =
    destination ??
    (readable
      ? pretty({ ignore: 'pid,hostname,service', translateTime: 'HH:MM:ss', singleLine: true })
      : undefined);
  const options = {
    level,
    base: { service, pid: process.pid },
    redact: { paths: redactedPaths(), censor: '[redacted]' },
    serializers: { err: serializeError },
    mixin: contextMembers,
  };
  return stream === undefined ? pino(options) : pino(options, stream);
}

function redactedPaths(): string[] {
  return secretMembers.flatMap((member) =>
    member.startsWith('[')
      ? [member, `*${member}`, `*.*${member}`]
      : [member, `*.${member}`, `*.*.${member}`],
  );
}

function contextMembers(): object {
  const context = currentContext();
  if (context === undefined) return {};
  return { request_id: context.requestId, ...(context.tenantId ? { tenant_id: context.tenantId } : {}) };
}

/** Driver errors carry statements and their parameters: only what is known to be harmless is kept. */
function serializeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const sqlState = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return {
    type: error.name,
    message: error.message,
    ...(error instanceof AppError ? { code: error.code } : sqlState),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  };
}
