import type { SeedScript } from '../../config/seed-script.ts';
import type { CreationOutcome } from '../../databases/create-database.ts';
import { ranIn } from '../../databases/seed-transaction.ts';
import { errors } from '../../errors/catalogue.ts';
import { type DatabaseInMaking, isTemplateLost } from '../database-making.ts';
import { dropReserved } from '../drop-reserved.ts';
import type { RunContext } from '../run-context.ts';
import { type Step, serverDeadlineMs } from '../step.ts';
import { type MakingNeeds, tenantInMaking } from '../tenant-in-making.ts';

type CreationNeeds = MakingNeeds & { seed?: SeedScript | undefined };

/** Clones the pinned template into a database that nobody can enter yet. `create-roles` takes it back. */
export function createDatabase(needs: CreationNeeds): Step {
  return {
    name: 'create-database',
    deadlineMs: serverDeadlineMs,

    async run(context) {
      const making = await tenantInMaking(needs, context);
      const outcome = await clone(needs, making, context);
      await forgetSeedOfAnother(needs, context, { making, outcome });
    },
  };
}

async function clone(needs: CreationNeeds, making: DatabaseInMaking, context: RunContext) {
  try {
    return await needs.making.cloneTemplate(making);
  } catch (error) {
    // Nothing was made of it: the next attempt pins the copy that is built in its place.
    if (isTemplateLost(error)) await context.save({ templateCopyId: null, templateVersionId: null });
    throw error;
  }
}

type Clone = { making: DatabaseInMaking; outcome: CreationOutcome };

/**
 * What an earlier attempt seeded may be another database of the same name: somebody dropped that one, or its
 * server was restored or failed over since. A seed whose end nobody will find out, since there is none to be run
 * any more, is no better. @throws seed_uncertain
 */
async function forgetSeedOfAnother(
  { seed }: CreationNeeds,
  context: RunContext,
  { making: { session, names }, outcome }: Clone,
): Promise<void> {
  const { seedTransaction, seededAt } = context.tenant;
  if (seedTransaction === null) return;
  const isOfThis = await ranIn(session, names.database, seedTransaction);
  const isOpen = seededAt === null && seed === undefined;
  if (isOfThis && !isOpen) return;
  // A fresh clone has nothing of a seed in it; of any other database nobody knows.
  const isFresh = outcome !== 'sealed' && !isOfThis;
  if (!isFresh) await dropReserved(context);
  await context.save({ seedTransaction: null, seededAt: null });
  if (isFresh) return;
  throw errors.seedUncertain(isOfThis ? 'it is no longer set' : 'its server was restored or failed over');
}
