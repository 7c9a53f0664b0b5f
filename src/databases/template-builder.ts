import { errors } from '../errors/catalogue.ts';
import { serverFailure } from './sql-state.ts';
import { withConnection } from './template-connection.ts';
import type { BuildContext } from './template-contract.ts';
import type { Builder } from './template-database.ts';

/** Runs statements as the neutral owner. Throws `template_restore_failed` with what the server says. */
export async function runAsBuilder(
  { server, names, signal }: Pick<BuildContext, 'server' | 'names' | 'signal'>,
  builder: Builder,
  statements: readonly string[],
): Promise<void> {
  if (statements.length === 0) return;
  await withConnection({ server, ...builder, database: names.template, signal }, async (client) => {
    for (const statement of statements) {
      await client.query(statement).catch((error: unknown) => {
        const failure = serverFailure(error);
        throw failure === undefined ? error : errors.restoreFailed(failure.message).causedBy(error);
      });
    }
  });
}
