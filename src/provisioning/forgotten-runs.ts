import type { RegistryDatabase } from '../registry/registry-database.ts';
import { type Ring, takeForgottenRuns } from '../registry/repositories/provisioning-runs.ts';
import { staleAfterMs } from './run-provisioning.ts';

const batch = 100;

/** The sweeper's look at runs: rings for those that are due and on which nobody works. */
export function createForgottenRunsLook(needs: {
  registry: RegistryDatabase;
  ring: (ring: Ring) => Promise<void>;
}) {
  return async function ringForForgottenRuns(): Promise<void> {
    const forgotten = await takeForgottenRuns(needs.registry, { staleAfterMs, limit: batch });
    await Promise.all(forgotten.map(needs.ring));
  };
}
