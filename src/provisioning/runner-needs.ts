import type { RegistryDatabase } from '../registry/registry-database.ts';
import type { ClaimedRun } from '../registry/repositories/provisioning-runs.ts';
import type { RunKind } from '../registry/tables.generated.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { RunContextNeeds } from './run-context.ts';
import type { Step } from './step.ts';

export type RunnerNeeds = RunContextNeeds & {
  registry: RegistryDatabase;
  steps: Record<RunKind, readonly Step[]>;
  log: Logger;
};

/** A run as whoever claimed it has it. */
export type OwnedRow = ClaimedRun & { owner: string };
