import type pg from 'pg';
import { type ServerFailure, serverFailure } from './sql-state.ts';

/** A script failed in the server's opinion. Without the server's words, which may quote values. */
export class ScriptFailure extends Error {
  /** How many statements had ended before. */
  readonly completed: number;
  /** Offset in the script of what it was about; null where the server named none. */
  readonly offset: number | null;

  constructor(failure: ServerFailure, completed: number, offset: number | null) {
    super(describe(failure));
    this.completed = completed;
    this.offset = offset;
  }
}

/** All statements in one message, so that no client has to know where one ends. */
export async function runScript(client: pg.Client, script: string): Promise<void> {
  let completed = 0;
  const count = () => {
    completed += 1;
  };
  client.connection.on('commandComplete', count);
  try {
    await client.query(script);
  } catch (error) {
    const failure = serverFailure(error);
    if (failure === undefined || isNotItsFault(failure)) throw error;
    throw new ScriptFailure(failure, completed, offsetIn(script, failure));
  } finally {
    client.connection.off('commandComplete', count);
  }
}

/** The end of a connection, another session's lock, or a full server: the same script may succeed later. */
function isNotItsFault({ code }: ServerFailure): boolean {
  return /^(08|40|53|57|58|XX)/.test(code) || code === '55P03' || code === '55006';
}

/** What is wrong, with the names of the schema that the server gives apart from its message. */
function describe({ code, message, ...failure }: ServerFailure): string {
  const named = ['schema', 'table', 'column', 'constraint'].flatMap((kind) => {
    const name = (failure as Record<string, unknown>)[kind];
    return typeof name === 'string' ? [`${kind} "${name}"`] : [];
  });
  const about = named.length === 0 ? '' : `, ${named.join(', ')}`;
  return `SQLSTATE ${code}${quotesNamesOnly(code) ? ` (${message})` : ''}${about}`;
}

/** Unknown tables, columns, functions, types, schemas, and missing rights: their messages quote names of the script. */
function quotesNamesOnly(code: string): boolean {
  return ['42P01', '42703', '42883', '42704', '3F000', '42501', '42P07'].includes(code);
}

/** PostgreSQL counts characters, JavaScript UTF-16 units. */
function offsetIn(script: string, failure: ServerFailure): number | null {
  const position = 'position' in failure ? Number(failure.position) : Number.NaN;
  if (!Number.isInteger(position)) return null;
  let offset = 0;
  for (let left = position - 1; left > 0 && offset < script.length; left -= 1) {
    offset += (script.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}
