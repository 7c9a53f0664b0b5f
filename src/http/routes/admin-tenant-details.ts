import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { listMembers } from '../../registry/repositories/members.ts';
import { jobItem } from '../job-answer.ts';
import { readJobPage } from '../job-page.ts';
import { cutPage, decodeCursor } from '../list-cursor.ts';
import { pageQuery, successPage, timestamp, uuid } from '../schemas.ts';
import { tenantAt, tenantParams } from '../tenant-at.ts';

const listQuery = z.strictObject(pageQuery);
const userItem = z.object({
  id: uuid,
  email: z.string(),
  name: z.string().nullable(),
  role: z.enum(['ADMIN', 'USER']),
  joined_at: timestamp,
});
const config = { access: 'operator-read' } as const;
const tags = ['Admin'];

/** What belongs to one tenant, as operators read it. */
export function adminTenantDetailsRoutes({
  registry,
}: {
  registry: RegistryDatabase;
}): FastifyPluginAsyncZod {
  return async (api) => {
    const request = { tags, params: tenantParams, querystring: listQuery };

    const users = { ...request, summary: 'People of a tenant', response: { 200: successPage(userItem) } };
    api.get('/api/admin/tenants/:id/users', { config, schema: users }, async ({ params, query }) => {
      const { id } = await tenantAt(registry, params.id);
      const afterEmail = decodeCursor(query.cursor, z.string().max(300));
      const members = await listMembers(registry, id, { afterEmail, limit: query.limit + 1 });
      const { items, page } = cutPage(members, query.limit, ({ email }) => email);
      const data = items.map(({ userId, email, name, role, createdAt }) => ({
        id: userId,
        email,
        name,
        role,
        joined_at: createdAt.toISOString(),
      }));
      return { success: true as const, data, page };
    });

    const jobs = { ...request, summary: 'Jobs of a tenant', response: { 200: successPage(jobItem) } };
    api.get('/api/admin/tenants/:id/jobs', { config, schema: jobs }, async ({ params, query }) => {
      const { id: tenantId } = await tenantAt(registry, params.id);
      return readJobPage(registry, query, { tenantId });
    });
  };
}
