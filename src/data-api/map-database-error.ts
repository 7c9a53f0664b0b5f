import { type ServerFailure, serverFailure } from '../databases/sql-state.ts';
import { errors } from '../errors/catalogue.ts';
import { DataError, dataErrors } from './data-error.ts';
import type { Relation } from './data-query.ts';

export type Attempted = { readonly relation: Relation; readonly statement: { readonly text: string } };

/**
 * What an error of the tenant's database means to the caller: PostgREST's code and status. Comes back
 * unchanged where it is none of the server's. Server-side trouble keeps its code and loses its text.
 */
export function mapDatabaseError(error: unknown, attempted: Attempted): unknown {
  const failure = serverFailure(error);
  if (failure === undefined) return isLostConnection(error) ? unavailable(error) : error;
  if (/^(08|57P0[1-5])/.test(failure.code)) return unavailable(error);
  return unknownName(failure, attempted) ?? new DataError(statusOf(failure), bodyOf(failure), error);
}

const unavailable = (error: unknown) => errors.tenantDatabaseUnavailable().causedBy(error);

/** pg's words when the socket closes under a statement. */
function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    /^(Connection terminated|Client (has encountered|was closed))/.test(error.message) || 'syscall' in error
  );
}

/** Only where our own statement names it: a trigger or view of the tenant's may miss something, too. */
function unknownName(failure: ServerFailure, { relation, statement }: Attempted): DataError | undefined {
  if (!('position' in failure) || failure.position === undefined || ('where' in failure && failure.where)) {
    return undefined;
  }
  const isTableMissing = failure.code === '42P01' || failure.code === '42809';
  if (isTableMissing) return dataErrors.unknownTable(relation.schema, relation.table);
  if (
    failure.code !== '42703' ||
    (!statement.text.startsWith('INSERT') && !statement.text.startsWith('WITH'))
  ) {
    return undefined;
  }
  const column = identifierAt(statement.text, Number(failure.position));
  return column === undefined ? undefined : dataErrors.unknownColumn(column, relation.table);
}

/** The lone quoted name at the server's position, which counts characters from 1. */
function identifierAt(text: string, position: number): string | undefined {
  const rest = [...text].slice(position - 1).join('');
  const quoted = /^"((?:[^"]|"")*)"(?!\.)/.exec(rest)?.[1];
  return quoted?.replaceAll('""', '"');
}

function bodyOf(failure: ServerFailure) {
  const { code } = failure;
  const isOwnTrouble = statusOf(failure) >= 500 && code !== '57014' && !code.startsWith('P0');
  if (isOwnTrouble) return { code, message: 'The database could not carry this out' };
  return {
    code,
    message: failure.message,
    details: failure.detail ?? null,
    hint: 'hint' in failure && typeof failure.hint === 'string' ? failure.hint : null,
  };
}

/** PostgREST's table, the longest prefix first. */
const statuses: readonly (readonly [prefix: string, status: number])[] = [
  ['23503', 409],
  ['23505', 409],
  ['25006', 405],
  ['42883', 404],
  ['42P01', 404],
  ['42P17', 500],
  ['42501', 403],
  ['53400', 500],
  ['P0001', 400],
  ['21000', 500],
  ['09', 500],
  ['0L', 403],
  ['0P', 403],
  ['25', 500],
  ['28', 403],
  ['2D', 500],
  ['38', 500],
  ['39', 500],
  ['3B', 500],
  ['40', 500],
  ['53', 503],
  ['54', 500],
  ['55', 500],
  ['57', 500],
  ['58', 500],
  ['F0', 500],
  ['HV', 500],
  ['P0', 500],
  ['XX', 500],
];

function statusOf({ code }: ServerFailure): number {
  return statuses.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 400;
}
