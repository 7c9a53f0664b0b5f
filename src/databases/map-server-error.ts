import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { AdminLogin, ServerAddress } from './database-server.ts';
import { missingRight } from './missing-right.ts';
import { isConcurrentUpdate, type ServerFailure, serverFailure } from './sql-state.ts';

/** The server and the login that an error is about. */
export type ServerIdentity = Pick<ServerAddress, 'id'> & { readonly admin: Pick<AdminLogin, 'user'> };

/** What was tried, and its limit: for the text of a time-out. */
export type Attempt = { readonly what: string; readonly limitMs: number };

const NO_ATTEMPT: Attempt = { what: 'A statement', limitMs: 0 };
const REFUSED_LOGIN = ['28P01', '28000'];
const FULL = ['53100', '53200', '54000'];
const BUSY = ['55006', '40001', '40P01', '55P03'];

/**
 * Says what an error of a server means for the platform. What is no trouble of the server, its network or its
 * rights comes back unchanged: 42P04, 3D000 and the like are for the caller to judge (see `sqlState`).
 */
export function mapServerError(error: unknown, server: ServerIdentity, attempt = NO_ATTEMPT): unknown {
  if (error instanceof AppError) return error;
  const failure = serverFailure(error);
  const mapped =
    failure === undefined ? mapLost(error, server, attempt) : mapFailure(failure, server, attempt);
  return mapped === undefined ? error : mapped.causedBy(error);
}

function mapFailure(failure: ServerFailure, server: ServerIdentity, attempt: Attempt): AppError | undefined {
  const { code, message } = failure;
  const { user } = server.admin;
  if (REFUSED_LOGIN.includes(code)) return errors.adminLoginRefused(user, server.id, message);
  if (code === '08P01' && /startup parameter/.test(message)) return poolerInBetween(server, message);
  if (code.startsWith('08') || /^57P0[1-3]$/.test(code)) return errors.serverUnreachable(server.id, message);
  if (code === '53300') return errors.serverFull(server.id, `all connection slots are taken (${message})`);
  if (FULL.includes(code)) return errors.serverFull(server.id, message);
  if (code === '57014') return errors.deadlineExceeded(attempt.what, attempt.limitMs);
  if (code === '42501') {
    const { right, mend } = missingRight(message, user);
    return errors.adminLacksRights(user, right, mend);
  }
  const collation = message.match(/database "(.+)" has a collation version mismatch/);
  if (collation?.[1] !== undefined) return errors.collationChanged(collation[1], server.id);
  if (BUSY.includes(code) || isConcurrentUpdate(failure)) return errors.serverBusy(message);
  return undefined;
}

function poolerInBetween(server: ServerIdentity, message: string): AppError {
  const why = `a connection pooler answers there (${message}). Give the address of PostgreSQL itself.`;
  return errors.serverUnreachable(server.id, why);
}

/** Node's and pg's words for a connection that was not made, or that ended. */
const LOST =
  /^(timeout expired|Connection terminated|Client (was closed|has encountered)|.*(support SSL|SSL connection))/;
const NETWORK = /^(E[A-Z]+|ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+)$/;

function mapLost(error: unknown, server: ServerIdentity, attempt: Attempt): AppError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.message === 'Query read timeout') return errors.deadlineExceeded(attempt.what, attempt.limitMs);
  if (error.message.startsWith('SASL')) {
    return errors.adminLoginRefused(server.admin.user, server.id, error.message);
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (!NETWORK.test(code) && !LOST.test(error.message)) return undefined;
  // An AggregateError (localhost as IPv4 and IPv6) has a code and no message.
  return errors.serverUnreachable(server.id, error.message === '' ? code : error.message);
}
