import { errors } from '../errors/catalogue.ts';

/** Names the variable that says where to listen, when somebody else listens there. */
export function explainListenError(error: unknown, port: number, variable: string): unknown {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  return isTaken ? errors.portTaken(port, variable).causedBy(error) : error;
}
