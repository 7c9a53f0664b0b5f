import { sqlState } from '../../databases/sql-state.ts';
import { errors } from '../../errors/catalogue.ts';
import { noteWayOfCopy } from '../../registry/repositories/run-ways.ts';
import { holdCopy } from '../../registry/repositories/template-copies.ts';
import type { TemplateCopy } from '../../registry/repositories/templates.ts';
import { isTemplateLost } from '../database-making.ts';
import type { RunContext } from '../run-context.ts';
import type { Step } from '../step.ts';

/** The first tenant of a server waits for a dump and a restore; of a thousand tables that takes minutes. */
const buildDeadlineMs = 30 * 60_000;

/**
 * Pins the template copy that this tenant is cloned from; builds it when its server has none. A run keeps its
 * copy when the source changes meanwhile.
 */
export function prepareTemplate(ensureCopy: (context: RunContext) => Promise<TemplateCopy>): Step {
  return {
    name: 'prepare-template',
    deadlineMs: buildDeadlineMs,

    isDue: ({ tenant }) => tenant.templateCopyId === null,

    async run(context) {
      while (!(await pin(context, await ensureCopy(context)))) context.signal.throwIfAborted();
    },

    async undo(context) {
      await context.save({ templateCopyId: null, templateVersionId: null });
    },
  };
}

/** @returns false when the copy went since it was found; there is a newer one, or none. */
async function pin(context: RunContext, copy: TemplateCopy): Promise<boolean> {
  const { id: templateCopyId, templateVersionId, templateId } = copy;
  try {
    await context.save({ templateCopyId, templateVersionId, templateId }, async (trx) => {
      if (!(await holdCopy(trx, copy.id))) throw errors.templateLost(copy.databaseName, 'it was replaced');
      await noteWayOfCopy(trx, context.run.id, copy.id);
    });
    return true;
  } catch (error) {
    const isGone = sqlState(error) === '23503';
    if (isGone || isTemplateLost(error)) return false;
    throw error;
  }
}
