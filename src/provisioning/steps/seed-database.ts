import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { SeedScript } from '../../config/seed-script.ts';
import { endRoleSessions } from '../../databases/end-role-sessions.ts';
import { mapServerError } from '../../databases/map-server-error.ts';
import { runScript, ScriptFailure } from '../../databases/run-script.ts';
import {
  beginNamedTransaction,
  isStillIn,
  readOutcome,
  type TransactionOutcome,
} from '../../databases/seed-transaction.ts';
import { openTenantConnection } from '../../databases/tenant-connection.ts';
import { errors } from '../../errors/catalogue.ts';
import { findFirstAdmin } from '../../registry/repositories/first-admin.ts';
import type { DatabaseInMaking } from '../database-making.ts';
import { dropReserved } from '../drop-reserved.ts';
import type { RunContext } from '../run-context.ts';
import { renderSeed, type SeedValues } from '../seed-text.ts';
import type { Step } from '../step.ts';
import { type MakingNeeds, tenantInMaking } from '../tenant-in-making.ts';

export type SeedNeeds = MakingNeeds & { seed: SeedScript };

/** Of each statement of the file. */
const statementTimeoutMs = 10 * 60_000;
/** What hangs; the file may have many statements. */
const seedDeadlineMs = 30 * 60_000;
/** How long the server takes to end a session that it was told to end. */
const endingMs = 10_000;

/**
 * Runs TENANT_SEED_SQL exactly once: in one transaction as the tenant's migrator, whose number is written into
 * the registry before it is committed. Whoever comes after a lost answer asks the server what became of it; when
 * the server cannot tell, the database is thrown away.
 * @throws seed_failed, seed_uncertain
 */
export function seedDatabase(needs: SeedNeeds): Step {
  return {
    name: 'seed-database',
    deadlineMs: seedDeadlineMs,

    async run(context) {
      if (context.tenant.seededAt !== null) return;
      const making = await tenantInMaking(needs, context);
      const outcome = await findOutcome(making, context);
      if (outcome === 'unknown') await throwAway(context);
      if (outcome !== 'committed') await runSeed(needs, making, context);
      await recordSeed(needs, making, context);
    },
  };
}

/** What became of the transaction of an earlier attempt; null when there was none. */
async function findOutcome(
  making: DatabaseInMaking,
  { tenant }: RunContext,
): Promise<TransactionOutcome | null> {
  const { seedTransaction } = tenant;
  if (seedTransaction === null) return null;
  // Whoever ran it has lost this run, and must not commit any more.
  await endRoleSessions(making.session, [making.names.migratorRole]);
  return asMigrator(making, async (client) => {
    const until = Date.now() + endingMs;
    for (;;) {
      const outcome = await readOutcome(client, seedTransaction);
      if (outcome !== 'in progress') return outcome;
      if (Date.now() > until) throw errors.serverBusy('the transaction of an earlier seed does not end');
      await delay(50);
    }
  });
}

async function throwAway(context: RunContext): Promise<never> {
  await dropReserved(context);
  await context.save({ seedTransaction: null });
  throw errors.seedUncertain('the server does not know its transaction any more');
}

async function runSeed(needs: SeedNeeds, making: DatabaseInMaking, context: RunContext): Promise<void> {
  const { around } = context.needs;
  const script = renderSeed(needs.seed, await valuesOf(context));
  await asMigrator(making, async (client) => {
    const seedTransaction = await beginNamedTransaction(client);
    await context.save({ seedTransaction });
    await around('seed: run', () => runTold(script, client));
    if (!(await isStillIn(client, seedTransaction))) {
      throw errors.seedFailed('an unknown line', 'it ended the transaction that it runs in');
    }
    await around('seed: commit', () => commit(client));
  });
}

async function runTold(script: ReturnType<typeof renderSeed>, client: pg.Client): Promise<void> {
  try {
    await runScript(client, script.text);
  } catch (error) {
    throw error instanceof ScriptFailure ? errors.seedFailed(script.whereOf(error), error.message) : error;
  }
}

/** Deferred constraints are checked here. */
async function commit(client: pg.Client): Promise<void> {
  try {
    await runScript(client, 'COMMIT');
  } catch (error) {
    throw error instanceof ScriptFailure ? errors.seedFailed('its end', error.message) : error;
  }
}

/** From here on this, and no more the template, is what the database is compared with. */
async function recordSeed(needs: SeedNeeds, making: DatabaseInMaking, context: RunContext): Promise<void> {
  const fingerprint = await needs.making.takeFingerprint(making);
  await context.save({ schemaFingerprint: JSON.stringify(fingerprint), seededAt: new Date() });
}

async function valuesOf({ tenant, needs }: RunContext): Promise<SeedValues> {
  const admin = await findFirstAdmin(needs.registry, tenant.id);
  if (admin === undefined) throw errors.verificationFailed('the tenant has no ADMIN');
  return {
    tenant_id: tenant.id,
    slug: tenant.slug,
    organization_name: tenant.name,
    admin_user_id: admin.userId,
    admin_email: admin.email,
    admin_password_hash: admin.passwordHash,
  };
}

async function asMigrator<Result>(
  { session, address, names, passwords }: DatabaseInMaking,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  try {
    const client = await openTenantConnection({
      address,
      database: names.database,
      user: names.migratorRole,
      password: passwords.migrator,
      applicationName: 'tenant-manager seed',
      statementTimeoutMs,
    });
    return await work(client).finally(() => client.end());
  } catch (error) {
    throw mapServerError(error, session.server, {
      what: 'A statement of the seed',
      limitMs: statementTimeoutMs,
    });
  }
}
