import { randomUUID } from 'node:crypto';
import type { Credentials } from '../credentials.ts';
import type { Naming } from '../database-names.ts';
import type { Step } from '../step.ts';

/** Writes names and sealed passwords into the registry before anything exists under them. */
export function reserveDatabase({ naming, credentials }: { naming: Naming; credentials: Credentials }): Step {
  return {
    name: 'reserve-database',

    isDue: ({ tenant }) => tenant.databaseId === null,

    async run(context) {
      const databaseId = randomUUID();
      const names = naming.newTenantNames(context.tenant.slug);
      await context.save({
        databaseId,
        databaseName: names.database,
        migratorRole: names.migratorRole,
        applicationRole: names.applicationRole,
        ...credentials.sealNew(databaseId),
      });
    },

    /** Only after database and roles are gone: the registry names everything that exists. */
    async undo(context) {
      await context.save({
        serverId: null,
        // The copy is on that server; the next one has others.
        templateCopyId: null,
        templateVersionId: null,
        databaseId: null,
        databaseName: null,
        renamedFrom: null,
        migratorRole: null,
        applicationRole: null,
        sealedDataKey: null,
        sealedApplicationPassword: null,
        sealedMigratorPassword: null,
        schemaFingerprint: null,
        databaseSizeBytes: null,
        seedTransaction: null,
        seededAt: null,
      });
    },
  };
}
