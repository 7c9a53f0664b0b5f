import type { RegistryExecutor } from '../registry-database.ts';

export type Installation = {
  /** Six characters that tell this installation's roles and templates from another's on the same server. */
  installationId: string;
  masterKeyCheck: string | null;
  workerPublicKey: string | null;
};

export async function readInstallation(executor: RegistryExecutor): Promise<Installation> {
  return executor
    .selectFrom('installation')
    .select(['installationId', 'masterKeyCheck', 'workerPublicKey'])
    .executeTakeFirstOrThrow();
}

/** The first process that has a key leaves its mark; later ones compare. */
export async function keepMasterKeyCheck(executor: RegistryExecutor, check: string): Promise<void> {
  await executor
    .updateTable('installation')
    .set({ masterKeyCheck: check })
    .where('masterKeyCheck', 'is', null)
    .execute();
}

export async function keepWorkerPublicKey(executor: RegistryExecutor, publicKey: string): Promise<void> {
  await executor
    .updateTable('installation')
    .set({ workerPublicKey: publicKey })
    .where('workerPublicKey', 'is', null)
    .execute();
}
