import type { RegistryDatabase } from '../registry/registry-database.ts';
import { type TaskRing, takeForgottenTasks } from '../registry/repositories/tasks.ts';
import { staleAfterMs } from './run-task.ts';

const batch = 100;

/** The sweeper's look at tasks: rings for those that are due and on which nobody works. */
export function createForgottenTasksLook(needs: {
  registry: RegistryDatabase;
  ring: (ring: TaskRing) => Promise<void>;
}) {
  return async function ringForForgottenTasks(): Promise<void> {
    const forgotten = await takeForgottenTasks(needs.registry, { staleAfterMs, limit: batch });
    await Promise.all(forgotten.map(needs.ring));
  };
}
