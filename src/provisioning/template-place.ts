import type { DatabaseServer } from '../databases/database-server.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import type { Template } from '../registry/repositories/templates.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Naming } from './database-names.ts';
import type { Around } from './failpoints.ts';

export type TemplateNeeds = {
  registry: RegistryDatabase;
  naming: Naming;
  /** Makes the schema of one source without pg_dump; known for the embedded sample only. */
  sample: { script: string; sourceDatabase: string } | undefined;
  pgDump: string | undefined;
  serverBinDir: string | undefined;
  docker: { container: string } | undefined;
  applicationName: string;
  around: Around;
  /** How long one process may work on the copies of a template; half an hour if left out. */
  workMs?: number | undefined;
  log: Logger;
};

/** A template on one server. */
export type TemplatePlace = { template: Template; server: DatabaseServer; signal: AbortSignal };
