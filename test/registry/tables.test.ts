import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registryTypesArguments } from '../../scripts/registry-types-arguments.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

const run = promisify(execFile);

describe('the registry’s table types', () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await createTestRegistry();
  });
  afterAll(() => registry.drop());

  it('are those of the migrated registry; else run: npm run registry:types', async () => {
    const verify = () => run('npx', ['kysely-codegen', ...registryTypesArguments(registry.url), '--verify']);
    await expect(verify()).resolves.toBeDefined();
    await registry.database.schema.alterTable('plans').addColumn('planted', 'text').execute();
    await expect(verify()).rejects.toThrow();
  });
});

describe('the audit log', () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await createTestRegistry();
    await registry.database
      .insertInto('auditLog')
      .values({ actorKind: 'system', action: 'tested' })
      .execute();
  });
  afterAll(() => registry.drop());

  it('takes neither update nor delete nor truncate, not even of its owner', async () => {
    const { database } = registry;
    await expect(database.updateTable('auditLog').set({ action: 'forged' }).execute()).rejects.toThrow(
      /append-only/,
    );
    await expect(database.deleteFrom('auditLog').execute()).rejects.toThrow(/append-only/);
  });
});
