import { sealDatabase as seal } from '../../databases/seal-database.ts';
import { reservedNames, type Step } from '../step.ts';

/** Lets the tenant's own roles in and nobody else. What `create-database` undoes, needs no undo here. */
export const sealDatabase: Step = {
  name: 'seal-database',

  async run(context) {
    await seal(await context.session(), { names: reservedNames(context), neutral: context.needs.neutral });
  },
};
