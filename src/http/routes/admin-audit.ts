import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { type AuditRow, listAudit } from '../../registry/repositories/audit-list.ts';
import { cutPage, decodeCursor } from '../list-cursor.ts';
import { pageQuery, plainText, successPage, timestamp, uuid } from '../schemas.ts';
import { tenantAt } from '../tenant-at.ts';

export type AdminAuditNeeds = { registry: RegistryDatabase };

const instant = z.iso.datetime({ offset: true });
const listQuery = z.strictObject({
  ...pageQuery,
  tenant: plainText.optional().meta({ description: 'Id or slug.' }),
  actor: plainText.optional().meta({
    description: 'Id of a person or of an admin key, `root`; or system, operator, user, anonymous.',
  }),
  action: z
    .string()
    .regex(/^[a-z_]+\.[a-z_]*$/, 'must be an action such as tenant.suspended, or a beginning such as tenant.')
    .max(100)
    .optional(),
  since: instant.optional(),
  until: instant.optional().meta({ description: 'Before this moment.' }),
});
const auditItem = z.object({
  id: z.int(),
  at: timestamp,
  actor: z.object({ kind: z.enum(['system', 'operator', 'user', 'anonymous']), id: z.string().nullable() }),
  action: z.string(),
  tenant: z.object({ id: uuid, slug: z.string().nullable() }).nullable(),
  before: z.unknown(),
  after: z.unknown(),
  request_id: z.string().nullable(),
});
const place = z.string().regex(/^[1-9][0-9]{0,14}$/);
const config = { access: 'operator-read' } as const;

/** Who did what, when, to whom; the newest first. */
export function adminAuditRoutes({ registry }: AdminAuditNeeds): FastifyPluginAsyncZod {
  const summary = 'Read the audit log, the newest first';
  const schema = {
    tags: ['Admin'],
    summary,
    querystring: listQuery,
    response: { 200: successPage(auditItem) },
  };

  return async (api) => {
    api.get('/api/admin/audit', { config, schema }, async ({ query }) => {
      const { tenant, actor, action, limit } = query;
      const after = decodeCursor(query.cursor, place);
      const filter = {
        tenantId: tenant === undefined ? undefined : await tenantIdOf(registry, tenant),
        actor,
        action,
        since: query.since === undefined ? undefined : new Date(query.since),
        until: query.until === undefined ? undefined : new Date(query.until),
      };
      const before = after === undefined ? undefined : Number(after);
      const rows = await listAudit(registry, { filter, before, limit: limit + 1 });
      const { items, page } = cutPage(rows, limit, ({ id }) => String(id));
      return { success: true as const, data: items.map(toItem), page };
    });
  };
}

/** An id is taken as it is: the log also tells of tenants whose rows are gone. */
async function tenantIdOf(registry: RegistryDatabase, idOrSlug: string): Promise<string> {
  if (z.uuid().safeParse(idOrSlug).success) return idOrSlug;
  return (await tenantAt(registry, idOrSlug)).id;
}

function toItem(row: AuditRow): z.infer<typeof auditItem> {
  return {
    id: row.id,
    at: row.at.toISOString(),
    actor: { kind: row.actorKind as z.infer<typeof auditItem>['actor']['kind'], id: row.actorId },
    action: row.action,
    tenant: row.tenantId === null ? null : { id: row.tenantId, slug: row.tenantSlug },
    before: row.before,
    after: row.after,
    request_id: row.requestId,
  };
}
