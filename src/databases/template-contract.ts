import type { DatabaseServer, Fingerprint, NeutralRoles } from './database-server.ts';
import type { DatabaseSetting } from './database-settings.ts';
import type { ServerSession } from './server-session.ts';
import type { NotCarried } from './source-leftovers.ts';
import type { Builder, TemplateNames } from './template-database.ts';

export type BuildLog = {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
};

/** Runs one effect that has a name; tests hand in one that kills, fails or hangs around it. */
export type AroundEffect = <Result>(point: string, effect: () => Promise<Result>) => Promise<Result>;

/** What every part of a build needs, wherever the schema comes from. */
export type BuildContext = {
  readonly server: DatabaseServer;
  /** A session of the platform's login in the database `postgres`, on which the caller holds the lock. */
  readonly session: ServerSession;
  readonly names: TemplateNames;
  readonly neutral: NeutralRoles;
  /** Tables whose rows tenants get, as `schema.table`. */
  readonly dataTables: readonly string[];
  readonly signal: AbortSignal;
  readonly around: AroundEffect;
  readonly log: BuildLog;
};

export type BuiltTemplate = {
  readonly fingerprint: Fingerprint;
  /** Of the source when it was dumped, to notice that it changed. */
  readonly sourceFingerprint: string;
  readonly notCarried: readonly NotCarried[];
  /** For each clone to be told: a clone inherits none. */
  readonly settings: readonly DatabaseSetting[];
  readonly sizeBytes: number;
  readonly tables: number;
};

/** What filled the template says about it. */
export type Filling = {
  readonly builder: Builder;
  readonly sourceFingerprint: string;
  readonly notCarried: readonly NotCarried[];
  readonly settings: readonly DatabaseSetting[];
};
