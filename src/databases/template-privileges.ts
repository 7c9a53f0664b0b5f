import type pg from 'pg';
import { applicationPrivilegeStatements } from './privileges-application.ts';
import { publicPrivilegeStatements, readPublicPrivileges } from './privileges-public.ts';
import type { Source } from './source-inspection.ts';
import type { NotCarried } from './source-leftovers.ts';
import { serverFailure } from './sql-state.ts';
import { runAsBuilder } from './template-builder.ts';
import type { BuildContext } from './template-contract.ts';
import type { Builder } from './template-database.ts';

export type Restoration = {
  readonly build: BuildContext;
  readonly source: Source;
  readonly builder: Builder;
  /** The platform's login in the template. Nothing that it runs calls code of the source. */
  readonly platform: pg.Client;
};

/**
 * Says anew who may do what: PUBLIC has what it has in the source, the application role reads and writes, the
 * neutral owner's later objects are usable by it too. What was granted to others was reported with the source.
 */
export async function expressPrivileges({
  build,
  source,
  builder,
  platform,
}: Restoration): Promise<NotCarried[]> {
  const { neutral } = build;
  const found = await readPublicPrivileges(platform, 'all');
  const statements = publicPrivilegeStatements(source.publicPrivileges, found);
  const own = statements.filter(({ owner }) => owner === neutral.owner).map(({ sql }) => sql);
  const forApplication = await applicationPrivilegeStatements(platform, neutral);
  await runAsBuilder(build, builder, [...own, ...source.defaultPrivileges, ...forApplication]);
  const others = statements.filter(({ owner }) => owner !== neutral.owner).map(({ sql }) => sql);
  return runAsPlatform(platform, others);
}

/** On managed servers the platform may not change what belongs to the system; there is then nothing to lose. */
async function runAsPlatform(platform: pg.Client, statements: readonly string[]): Promise<NotCarried[]> {
  const notCarried: NotCarried[] = [];
  for (const sql of statements) {
    try {
      await platform.query(sql);
    } catch (error) {
      const failure = serverFailure(error);
      if (failure?.code !== '42501') throw error;
      notCarried.push({ kind: 'privilege', name: sql, why: failure.message });
    }
  }
  return notCarried;
}
