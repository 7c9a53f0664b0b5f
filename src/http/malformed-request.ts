import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { problemType, toProblem } from './problem.ts';

/** Answers what Node could not read as HTTP, where there is no request and no reply yet. */
export function answerMalformedRequest(
  error: Error & { code?: string },
  socket: Socket,
  publicUrl: string,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = explain(error.code);
  const requestId = randomUUID();
  const body = JSON.stringify(toProblem(problem, { publicUrl, path: '', requestId }));
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${problem.definition.title}`,
      `Content-Type: ${problemType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  );
}

function explain(code: string | undefined): AppError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return errors.requestTimeout();
  if (code === 'HPE_HEADER_OVERFLOW') return errors.headersTooLarge();
  return errors.malformedRequest();
}
