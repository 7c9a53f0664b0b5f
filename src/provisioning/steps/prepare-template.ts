import type { TemplateCopy } from '../../registry/repositories/templates.ts';
import type { RunContext } from '../run-context.ts';
import type { Step } from '../step.ts';

/**
 * Pins the template copy that this tenant is cloned from; builds it when its server has none. A run keeps its
 * copy when the source changes meanwhile.
 */
export function prepareTemplate(ensureCopy: (context: RunContext) => Promise<TemplateCopy>): Step {
  return {
    name: 'prepare-template',

    async run(context) {
      if (context.tenant.templateCopyId !== null) return;
      const copy = await ensureCopy(context);
      await context.save({ templateCopyId: copy.id, templateVersionId: copy.templateVersionId });
    },

    async undo(context) {
      await context.save({ templateCopyId: null, templateVersionId: null });
    },
  };
}
