import { Cron } from 'croner';
import { purgeDueTenants } from '../provisioning/purge-due.ts';
import { createTenantLifecycle } from '../provisioning/tenant-lifecycle.ts';
import { deleteExpiredIdempotencyKeys } from '../registry/repositories/idempotency-keys.ts';
import { deleteFinishedSessions } from '../registry/repositories/sessions.ts';
import { pruneTasks } from '../registry/repositories/tasks.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';

const everyMinute = '* * * * *';
const portion = 1_000;
const keepTasksMs = 30 * 86_400_000;

type Household = { platform: Platform; kick: () => void };

/** What time makes due: purges after their grace, and rows that nobody needs any more. Workers do it. */
export function keepHouse({ log, shutdown }: ProcessParts, { platform, kick }: Household): void {
  const { registry } = platform;
  const lifecycle = createTenantLifecycle({ registry, now: () => new Date(), afterCommit: kick });
  const chores = [
    () => purgeDueTenants(registry, lifecycle),
    () => deleteExpiredIdempotencyKeys(registry),
    () => deleteFinishedSessions(registry, portion),
    () => pruneTasks(registry, { olderThanMs: keepTasksMs, limit: portion }),
  ];
  const schedule = new Cron(everyMinute, { protect: true }, async () => {
    for (const chore of chores) {
      await chore().catch((error: unknown) =>
        log.warn({ err: error }, 'A chore failed; it is done next time'),
      );
    }
  });
  shutdown.onStop('housekeeping', 1_000, async () => schedule.stop());
}
