import type { ServerAddress } from './database-server.ts';

/** Who the tools log in as, and where. */
export type ToolLogin = {
  readonly address: ServerAddress;
  readonly user: string;
  readonly password: string;
  readonly database: string;
};

export type DumpRequest = {
  readonly login: ToolLogin;
  readonly options: readonly string[];
  /** Must not exist; is written with mode 0600. */
  readonly file: string;
  readonly signal: AbortSignal;
};

export type RestoreRequest = {
  readonly login: ToolLogin;
  readonly archive: string;
  /** Numbers of the archive's entries, in the order in which they are to be restored. */
  readonly entries: readonly number[];
  readonly serverMajor: number;
  readonly signal: AbortSignal;
};

/** pg_dump and pg_restore of one version, wherever they run. */
export type PgTools = {
  /** For messages: a path, or the container. */
  readonly where: string;
  readonly major: number;
  /** Throws `pg_dump_failed` with the last line that pg_dump wrote. */
  readonly dump: (request: DumpRequest) => Promise<void>;
  /** The archive's table of contents. Throws `pg_dump_failed`: what cannot be listed was not written in full. */
  readonly list: (archive: string, options: readonly string[], signal: AbortSignal) => Promise<string>;
  /** Throws `template_restore_failed` with the first error of the server. */
  readonly restore: (request: RestoreRequest) => Promise<void>;
};
