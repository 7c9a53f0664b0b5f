import { afterAll, beforeAll } from 'vitest';
import { createMasterSeal } from '../../src/registry/master-seal.ts';
import { createMessages, type Messages } from '../../src/registry/messages.ts';
import type { RegistryDatabase } from '../../src/registry/registry-database.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

/** What an API process has at its side: a registry of the file's own, its messages, a key. */
export function useHttpBench() {
  const masterSeal = createMasterSeal('a master key of the tests that is long enough');
  let registry: TestRegistry;
  let messages: Messages;

  beforeAll(async () => {
    registry = await createTestRegistry();
    messages = createMessages({
      login: registry.login,
      applicationName: 'test',
      onError: (error) => {
        throw error;
      },
    });
    await messages.start();
  });
  afterAll(async () => {
    await messages.stop();
    await registry.drop();
  });

  return {
    masterSeal,
    database: (): RegistryDatabase => registry.database,
    messages: (): Messages => messages,
    platform: () => ({ registry: registry.database, messages, masterSeal }),
  };
}
