import { sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { ProvisioningWay } from '../tables.generated.ts';

/** Keeps by which way a run got its tenant's database. */
export async function noteWay(
  executor: RegistryExecutor,
  runId: string,
  way: ProvisioningWay,
): Promise<void> {
  await executor.updateTable('provisioningRuns').set({ way }).where('id', '=', runId).execute();
}

/** A run that began before its template copy was finished had to wait for the build. */
export async function noteWayOfCopy(
  executor: RegistryExecutor,
  runId: string,
  copyId: string,
): Promise<void> {
  await executor
    .updateTable('provisioningRuns as run')
    .from('templateCopies as copy')
    .set(({ eb, ref }) => ({
      way: eb
        .case()
        .when(ref('copy.builtAt'), '>', ref('run.startedAt'))
        .then(sql<ProvisioningWay>`provisioning_way 'build'`)
        .else(sql<ProvisioningWay>`provisioning_way 'clone'`)
        .end(),
    }))
    .where('run.id', '=', runId)
    .where('copy.id', '=', copyId)
    .execute();
}
