import type pg from 'pg';

/** What pg's client calls on a query that it runs; its types know only the first. */
type CopyQuery = pg.Submittable & {
  handleCopyData: (message: { chunk: Buffer }) => void;
  handleCommandComplete: () => void;
  handleReadyForQuery: () => void;
  handleError: (error: Error) => void;
};

/** Runs a `COPY … TO STDOUT` in the text format and hands over its lines one by one. */
export function copyOut(client: pg.Client, statement: string, take: (line: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const query: CopyQuery = {
      submit: (connection) => connection.query(statement),
      handleCopyData: ({ chunk }) => take(chunk),
      handleCommandComplete: () => undefined,
      handleReadyForQuery: resolve,
      handleError: reject,
    };
    client.query(query);
  });
}
