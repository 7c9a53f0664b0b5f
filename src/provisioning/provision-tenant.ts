import type { SeedScript } from '../config/seed-script.ts';
import type { TemplateCopy } from '../registry/repositories/templates.ts';
import type { Naming } from './database-names.ts';
import type { RunContext } from './run-context.ts';
import type { Step } from './step.ts';
import { activateTenant } from './steps/activate-tenant.ts';
import { buryTenant } from './steps/bury-tenant.ts';
import { createDatabase } from './steps/create-database.ts';
import { createRoles } from './steps/create-roles.ts';
import { dropDatabase } from './steps/drop-database.ts';
import { placeTenant } from './steps/place-tenant.ts';
import { prepareTemplate } from './steps/prepare-template.ts';
import { renameDatabase } from './steps/rename-database.ts';
import { reserveDatabase } from './steps/reserve-database.ts';
import { sealDatabase } from './steps/seal-database.ts';
import { seedDatabase } from './steps/seed-database.ts';
import { verifyDatabase } from './steps/verify-database.ts';
import type { MakingNeeds } from './tenant-in-making.ts';

export type StepNeeds = MakingNeeds & {
  naming: Naming;
  ensureCopy: (context: RunContext) => Promise<TemplateCopy>;
  /** Run once in each new database. */
  seed?: SeedScript | undefined;
};

/** How a tenant is made. */
export const provisionTenant = (needs: StepNeeds): readonly Step[] => [
  placeTenant(needs),
  prepareTemplate(needs.ensureCopy),
  reserveDatabase(needs),
  renameDatabase,
  createRoles(needs),
  createDatabase(needs),
  sealDatabase(needs),
  verifyDatabase(needs),
  ...(needs.seed === undefined ? [] : [seedDatabase({ ...needs, seed: needs.seed })]),
  activateTenant,
];

/** How a tenant is unmade; its name is released last. */
export const purgeTenant: readonly Step[] = [dropDatabase, buryTenant];
