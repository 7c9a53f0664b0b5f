import type pg from 'pg';
import { buildInsert } from './build-insert.ts';
import { buildRead } from './build-read.ts';
import { checkBodyColumns, checkNames } from './check-names.ts';
import { DataError, dataErrors } from './data-error.ts';
import type { DataQuery, Relation } from './data-query.ts';
import { listSchemas } from './list-schemas.ts';
import { mapDatabaseError } from './map-database-error.ts';
import type { InsertBody } from './parse-body.ts';
import { contextStatement, type DataCaller } from './request-context.ts';
import { runPipeline } from './run-pipeline.ts';
import type { Statement } from './statement.ts';

export type DataApiOptions = {
  readonly maxRows: number;
  readonly statementTimeoutMs: number;
  /** The platform's own; what PostgreSQL brings is hidden in any case. */
  readonly hiddenSchemas?: readonly string[];
  /** Told how long the tenant's server took for each request, whatever came of it. */
  readonly observeQuery?: ((seconds: number) => void) | undefined;
};

export type DataRequest = {
  readonly relation: Relation;
  readonly query: DataQuery;
  readonly caller: DataCaller;
};

export type InsertRequest = DataRequest & { readonly body: InsertBody; readonly returnsRows: boolean };

/** `body` is a JSON array as the server wrote it. */
export type DataRows = { readonly body: string; readonly count: number };

type Work = { readonly statement: Statement; readonly isReadOnly: boolean };

/**
 * Tables of one tenant over HTTP. Each call is one transaction and one round trip on a connection of the
 * tenant's own role, and leaves nothing behind in its session. Throws DataError; AppError where the database
 * is away.
 */
export function createDataApi(options: DataApiOptions) {
  const { maxRows, statementTimeoutMs, hiddenSchemas = [], observeQuery } = options;
  const isHidden = (schema: string) =>
    schema.startsWith('pg_') || schema === 'information_schema' || hiddenSchemas.includes(schema);

  async function run(client: pg.Client, request: DataRequest, work: Work): Promise<DataRows> {
    const { relation, caller } = request;
    const { schema } = relation;
    const { statement, isReadOnly } = work;
    const context = contextStatement({ caller, schema, isReadOnly, statementTimeoutMs });
    try {
      if (isHidden(schema)) throw dataErrors.unknownTable(schema, relation.table);
      const [body, count] = await timed(runPipeline(client, [context, statement]), observeQuery);
      return { body: body ?? '[]', count: Number(count ?? 0) };
    } catch (error) {
      const mapped = mapDatabaseError(error, { relation, statement });
      throw await blameSchema(client, relation, mapped);
    }
  }

  /** Of an unknown table it is the schema that is unknown, if it is. Asked only when something was missing. */
  async function blameSchema(client: pg.Client, { schema }: Relation, error: unknown): Promise<unknown> {
    const isTableUnknown = error instanceof DataError && error.body.code === 'PGRST205';
    if (!isTableUnknown || schema === 'public') return error;
    const exposed = (await listSchemas(client)).filter((name) => !isHidden(name));
    return exposed.includes(schema) ? error : dataErrors.unknownSchema(schema, exposed);
  }

  return {
    async read(client: pg.Client, request: DataRequest): Promise<DataRows> {
      const statement = buildRead(request.relation, request.query, maxRows);
      return run(client, request, { statement, isReadOnly: true });
    },

    /** @returns the new rows if they were asked for. */
    async insert(client: pg.Client, request: InsertRequest): Promise<DataRows | undefined> {
      const { relation, query, body, returnsRows } = request;
      const returning = returnsRows ? query.select : undefined;
      const statement = buildInsert({ relation, body, returning });
      const rows = await run(client, request, { statement, isReadOnly: false });
      return returnsRows ? rows : undefined;
    },
  };
}

export type DataApi = ReturnType<typeof createDataApi>;

async function timed<Answer>(
  answer: Promise<Answer>,
  observe: DataApiOptions['observeQuery'],
): Promise<Answer> {
  const startedAt = performance.now();
  try {
    return await answer;
  } finally {
    observe?.((performance.now() - startedAt) / 1_000);
  }
}

/** What can be refused without a connection. */
export function checkRequest(request: { relation: Relation; query: DataQuery; body?: InsertBody }): void {
  checkNames(request.relation, request.query);
  if (request.body !== undefined) checkBodyColumns(request.relation, request.body.columns);
}
