import type pg from 'pg';
import type { Statement } from './statement.ts';

type Field = string | null;

/**
 * Sends statements together, under one Sync: one round trip, and one transaction, which the server commits at
 * the Sync or rolls back at the first error. Four statements sent one by one (BEGIN, settings, query, COMMIT)
 * reach less than half the requests per second.
 * @returns the last row of the last statement, as text.
 */
export function runPipeline(client: pg.Client, statements: readonly Statement[]): Promise<readonly Field[]> {
  return new Promise((resolve, reject) => {
    client.query(new Pipeline(statements, { resolve, reject }));
  });
}

type Outcome = { resolve: (row: readonly Field[]) => void; reject: (error: Error) => void };

/** What pg asks of a query of one's own: `submit`, and a function for each message of the server. */
class Pipeline implements pg.Submittable {
  readonly #statements: readonly Statement[];
  readonly #outcome: Outcome;
  #row: readonly Field[] = [];

  constructor(statements: readonly Statement[], outcome: Outcome) {
    this.#statements = statements;
    this.#outcome = outcome;
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection;
    stream.cork();
    try {
      for (const { text, values } of this.#statements) {
        connection.parse({ name: '', text, types: [] }, true);
        connection.bind({ values: [...values] }, true);
        connection.execute({}, true);
      }
      connection.sync();
    } finally {
      stream.uncork();
    }
  }

  handleDataRow({ fields }: { fields: readonly Field[] }): void {
    this.#row = fields;
  }

  /** Of each statement; a statement without rows leaves none of an earlier one. */
  handleCommandComplete({ text }: { text: string }): void {
    if (!text.startsWith('SELECT')) this.#row = [];
  }

  /** Only now it is committed: deferred constraints speak up last. */
  handleReadyForQuery(): void {
    this.#outcome.resolve(this.#row);
  }

  handleError(error: Error): void {
    this.#outcome.reject(error);
  }

  handleRowDescription(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}
