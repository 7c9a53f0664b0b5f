import { z } from 'zod';
import type { Ask } from './ask.ts';

/** As `GET /api/admin/keys` shows it; members that this program does not know stay. */
const adminKey = z.looseObject({
  id: z.string(),
  name: z.string(),
  scope: z.string(),
  status: z.string(),
  created_by: z.string().nullish(),
  created_at: z.string(),
  expires_at: z.string().nullish(),
  last_used_at: z.string().nullish(),
});
export type ListedKey = z.infer<typeof adminKey>;

const made = adminKey.extend({ key: z.string() });

const auditEntry = z.looseObject({
  id: z.number(),
  at: z.string(),
  actor: z.looseObject({ kind: z.string(), id: z.string().nullish() }),
  action: z.string(),
  tenant: z.looseObject({ id: z.string(), slug: z.string().nullish() }).nullish(),
  before: z.unknown(),
  after: z.unknown(),
  request_id: z.string().nullish(),
});
export type AuditEntry = z.infer<typeof auditEntry>;

const path = '/api/admin/keys';

/** Keys to the admin API, and what was done with them. */
export function createKeyCalls(ask: Ask) {
  return {
    listKeys: () => ask({ method: 'GET', path }, z.array(adminKey)),
    createKey: (body: { name: string; scope: string; expires_at?: string }) =>
      ask({ method: 'POST', path, body }, made),
    revokeKey: (id: string) => ask({ method: 'DELETE', path: `${path}/${encodeURIComponent(id)}` }, adminKey),
    async listAudit(query: Record<string, string>) {
      const answer = await ask({ method: 'GET', path: '/api/admin/audit', query }, z.array(auditEntry));
      return { ...answer, nextCursor: answer.page?.next_cursor ?? null };
    },
  };
}
