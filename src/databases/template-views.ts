import type { NotCarried } from './source-leftovers.ts';
import { serverFailure } from './sql-state.ts';
import { runAsBuilder } from './template-builder.ts';
import type { Restoration } from './template-privileges.ts';

/** Fills the materialized views that the source has filled. Gives those that could not be, which stay empty. */
export async function refreshViews({ build, builder, source, platform }: Restoration): Promise<NotCarried[]> {
  // In the order of their creation, in which each follows what it reads from.
  const { rows } = await platform.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class
      WHERE relkind = 'm' AND oid::regclass::text = ANY($1::text[]) ORDER BY oid`,
    [[...source.objects.populatedViews]],
  );
  const unfilled: NotCarried[] = [];
  for (const { name } of rows) {
    try {
      await runAsBuilder(build, builder, [`REFRESH MATERIALIZED VIEW ${name}`]);
    } catch (error) {
      const failure = serverFailure(error);
      if (failure === undefined || !isOfQuery(failure.code)) throw error;
      const why = `its contents are not: without the source's rows it cannot be filled (${failure.message}). Tenants run REFRESH MATERIALIZED VIEW once they have rows`;
      unfilled.push({ kind: 'materialized view', name, why });
    }
  }
  return unfilled;
}

/** What the view's own query says of missing rows or rights; not what a server in trouble says. */
function isOfQuery(code: string): boolean {
  return ['21', '22', '23', '38', '39', '42', '55', 'P0'].includes(code.slice(0, 2)) && code !== '55P03';
}
