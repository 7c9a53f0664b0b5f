import { publish } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';

export type SessionChangesNeeds = {
  database: RegistryDatabase;
  /** Makes this process forget what it knew of a person's sessions. */
  forgetUser: (userId: string) => void;
};

/**
 * Runs a transaction that changes what a person's sessions allow. All processes hear of it with its commit;
 * this one does not wait for its own message.
 */
export function createSessionChanges({ database, forgetUser }: SessionChangesNeeds) {
  return async function changeSessionsOf<Result>(
    userId: string,
    work: (trx: RegistryTransaction) => Promise<Result>,
  ): Promise<Result> {
    const result = await database.transaction().execute(async (trx) => {
      const outcome = await work(trx);
      await publish(trx, { kind: 'sessions.changed', userId });
      return outcome;
    });
    forgetUser(userId);
    return result;
  };
}

export type ChangeSessionsOf = ReturnType<typeof createSessionChanges>;
