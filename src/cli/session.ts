import type { AdminApi } from './admin-api.ts';
import type { ExitCode } from './failure.ts';
import type { Output } from './output.ts';
import type { Prompt } from './prompt.ts';

export type NewSuperAdmin = { email: string; password: string; name?: string };
/** Runs psql on a tenant's database as its own role. */
export type OpenConsole = (tenantId: string, given: readonly string[]) => Promise<ExitCode>;
export type CreateSuperAdmin = (input: NewSuperAdmin) => Promise<{ id: string; email: string }>;

/** What a command works with. */
export type Session = {
  api: AdminApi;
  output: Output;
  prompt: Prompt;
  now: () => Date;
  /** undefined where the registry is out of reach: over HTTP. */
  createSuperAdmin: CreateSuperAdmin | undefined;
  /** undefined over HTTP. */
  openConsole: OpenConsole | undefined;
};

/** Runs a command's story and keeps its exit code; none means done. */
export type Act = (story: (session: Session) => Promise<ExitCode | undefined>) => Promise<void>;
