import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

/**
 * Makes a database the platform's own again and no template: its owner could let anybody in, and a template is
 * cloned by whoever may create databases.
 */
export async function reclaimDatabase(session: ServerSession, database: string): Promise<void> {
  const name = quoteIdentifier(database);
  const statements = [
    `ALTER DATABASE ${name} OWNER TO CURRENT_USER`,
    `ALTER DATABASE ${name} IS_TEMPLATE false`,
  ];
  await retryConcurrentUpdate(() => session.run(statements.join(';\n')));
}
