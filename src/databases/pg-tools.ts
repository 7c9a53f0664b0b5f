import type { PgTools } from './pg-tools-contract.ts';
import { createDockerTools } from './pg-tools-docker.ts';
import { findLocalTools, type LocalToolsPlace } from './pg-tools-find.ts';
import { createLocalTools } from './pg-tools-local.ts';

export type PgToolsPlace = LocalToolsPlace & {
  /** Use the tools of this container instead; `dockerHost` is Docker's DOCKER_HOST. */
  readonly docker?: { readonly container: string; readonly dockerHost?: string };
};

/** Throws `pg_dump_missing` or `pg_dump_too_old`. */
export async function findPgTools(place: PgToolsPlace): Promise<PgTools> {
  if (place.docker !== undefined) {
    return createDockerTools({ ...place.docker, serverMajor: place.serverMajor, path: place.searchPath });
  }
  return createLocalTools(await findLocalTools(place));
}
