import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { listPlans } from '../../registry/repositories/plans.ts';
import { findOpenRun } from '../../registry/repositories/run-progress.ts';
import {
  countTenants,
  listTenants,
  type TenantFilter,
  type TenantSort,
} from '../../registry/repositories/tenant-list.ts';
import { pageQuery, plainText, success, successPage } from '../schemas.ts';
import { decodePlace, encodePlace } from '../sorted-cursor.ts';
import { tenantItem, tenantStatus, toTenantDetail, toTenantItem } from '../tenant-answer.ts';
import { tenantAt, tenantParams } from '../tenant-at.ts';
import { tenantWithWork, toWork } from '../tenant-work.ts';

export type AdminTenantsNeeds = { registry: RegistryDatabase };

const sorts = ['created_at', '-created_at', 'name', '-name', 'slug', '-slug'] as const;
const listQuery = z.strictObject({
  ...pageQuery,
  sort: z.enum(sorts).default('-created_at'),
  status: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(tenantStatus))
    .optional()
    .meta({ description: 'One or several, separated by commas; everything but `deleted` if left out.' }),
  mode: z.enum(['shared', 'dedicated']).optional(),
  plan: plainText.optional(),
  region: plainText.optional(),
  server: plainText.optional(),
  tag: plainText.optional(),
  q: plainText.optional().meta({ description: 'Part of the name or slug.' }),
  created_after: z.iso.datetime({ offset: true }).optional(),
  attention: z.stringbool().optional().meta({
    description: '`true`: those with a run that could not be taken back; `status_reason` says what to do.',
  }),
  count: z.stringbool().default(false).meta({ description: 'Count all that match, in `page.total`.' }),
});

/** Tenants as the operator reads them. */
export function adminTenantsRoutes({ registry }: AdminTenantsNeeds): FastifyPluginAsyncZod {
  const config = { access: 'operator-read' } as const;
  const tags = ['Admin'];

  return async (api) => {
    api.get(
      '/api/admin/tenants',
      {
        config,
        schema: {
          tags,
          summary: 'List tenants',
          querystring: listQuery,
          response: { 200: successPage(tenantItem) },
        },
      },
      async ({ query }) => {
        await assertPlan(registry, query.plan);
        const filter = filterOf(query);
        const [page, total] = await Promise.all([
          readPage(registry, query, filter),
          query.count ? countTenants(registry, filter) : undefined,
        ]);
        return {
          success: true as const,
          data: page.tenants.map(toTenantItem),
          page: { next_cursor: page.nextCursor, ...(total !== undefined && { total }) },
        };
      },
    );

    api.get(
      '/api/admin/tenants/:id',
      {
        config,
        schema: {
          tags,
          summary: 'One tenant',
          params: tenantParams,
          response: { 200: success(tenantWithWork) },
        },
      },
      async ({ params }) => {
        const tenant = await tenantAt(registry, params.id);
        const work = toWork(await findOpenRun(registry, tenant.id));
        return { success: true as const, data: { ...toTenantDetail(tenant), work } };
      },
    );
  };
}

/** A plan that does not exist would give an empty list, which looks like one that nobody has. */
async function assertPlan(registry: RegistryDatabase, plan: string | undefined): Promise<void> {
  if (plan === undefined) return;
  const keys = (await listPlans(registry)).map(({ key }) => key);
  if (keys.includes(plan)) return;
  throw errors.invalidRequest([{ path: 'plan', message: `must be one of ${keys.join(', ')}` }]);
}

/** What a cursor may hold: it comes from outside, and the database must be able to compare with it. */
const placeValues: Record<TenantSort['by'], z.ZodType<string>> = {
  created_at: z.iso.datetime().startsWith('2'),
  name: plainText,
  slug: plainText,
};

type ListQuery = z.output<typeof listQuery>;

function filterOf({
  status,
  mode,
  plan,
  region,
  server,
  tag,
  q,
  created_after: after,
  attention: needsAttention,
}: ListQuery): TenantFilter {
  const createdAfter = after === undefined ? undefined : new Date(after);
  return { status, mode, plan, region, server, tag, q, createdAfter, needsAttention };
}

async function readPage(
  registry: RegistryDatabase,
  { sort, cursor, limit }: ListQuery,
  filter: TenantFilter,
) {
  const descending = sort.startsWith('-');
  const by = sort.replace('-', '') as TenantSort['by'];
  const after = decodePlace(cursor, sort, placeValues[by]);
  // One more than asked for tells whether there is a next page.
  const rows = await listTenants(registry, { filter, sort: { by, descending }, after, limit: limit + 1 });
  const tenants = rows.slice(0, limit);
  const last = tenants.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { tenants, nextCursor: hasMore ? encodePlace(sort, { value: last.place, id: last.id }) : null };
}
