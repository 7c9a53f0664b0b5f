import type { PgTools } from './pg-tools-contract.ts';
import { createDockerTools } from './pg-tools-docker.ts';
import { findLocalTools, type LocalToolsPlace } from './pg-tools-find.ts';
import { createLocalTools } from './pg-tools-local.ts';

export type PgToolsPlace = LocalToolsPlace & {
  /** Use the tools of this container instead; `dockerHost` is Docker's DOCKER_HOST. */
  readonly docker?: { readonly container: string; readonly dockerHost?: string };
};

/** Throws `pg_dump_missing`, `pg_dump_too_old`, or `pg_dump_failed` where a program cannot be run. */
export async function findPgTools(place: PgToolsPlace): Promise<PgTools> {
  if (place.docker !== undefined) {
    const { docker, serverMajor, searchPath: path, answerMs } = place;
    return createDockerTools({
      ...docker,
      serverMajor,
      path,
      ...(answerMs === undefined ? {} : { answerMs }),
    });
  }
  return createLocalTools(await findLocalTools(place));
}
