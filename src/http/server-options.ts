import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyHttpOptions, LogController } from 'fastify';
import type { Logger } from '../telemetry/logger.ts';
import type { AppSettings } from './app-settings.ts';
import type { AnswerError } from './error-handler.ts';
import { answerMalformedRequest } from './malformed-request.ts';
import { requestIdOf } from './plugins/request-context.ts';

const bodyLimitBytes = 1_048_576;

type Needs = { log: Logger; settings: AppSettings; answerError: AnswerError };

export function serverOptions({ log, settings, answerError }: Needs): FastifyHttpOptions<Server> {
  return {
    loggerInstance: log,
    // One line for each request is written by plugins/request-context.ts.
    logController: new LogController({ disableRequestLogging: true }),
    // Every line has the request's id from its context; a child logger would write it twice.
    childLoggerFactory: (logger) => logger,
    genReqId: (request: IncomingMessage) => requestIdOf(request),
    requestIdHeader: false,
    trustProxy: settings.trustedProxies.length > 0 && [...settings.trustedProxies],
    bodyLimit: bodyLimitBytes,
    // How long a request may take to arrive; its answer may take longer.
    requestTimeout: 15_000,
    // Nobody reads or writes: the connection is closed. Above the 60 s after which usual proxies give up, so that
    // whoever still waits for an answer gets it.
    connectionTimeout: 65_000,
    // Above those 60 s, too, so that no proxy sends a request into a connection that closes.
    keepAliveTimeout: 72_000,
    http: { connectionsCheckingInterval: 5_000 },
    // A closing process answers what it still gets, with `Connection: close`.
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler: (error: Error, socket: Socket) =>
      answerMalformedRequest(error, socket, settings.publicUrl),
  };
}
