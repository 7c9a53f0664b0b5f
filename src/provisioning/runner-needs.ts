import type { RegistryDatabase } from '../registry/registry-database.ts';
import type { ClaimedRun } from '../registry/repositories/provisioning-runs.ts';
import type { ProvisioningWay, RunKind, RunStatus } from '../registry/tables.generated.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { RunContextNeeds } from './run-context.ts';
import type { Step } from './step.ts';

/** A run that has come to its end in this process. */
export type EndedRun = {
  kind: RunKind;
  outcome: RunStatus;
  way: ProvisioningWay | null;
  plan: string;
  /** Since it was asked for. */
  seconds: number;
};

export type RunnerNeeds = RunContextNeeds & {
  registry: RegistryDatabase;
  steps: Record<RunKind, readonly Step[]>;
  log: Logger;
  observeEnd?: ((run: EndedRun) => void) | undefined;
};

/** A run as whoever claimed it has it. */
export type OwnedRow = ClaimedRun & { owner: string };
