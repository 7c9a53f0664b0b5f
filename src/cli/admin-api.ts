import { z } from 'zod';
import type { AdminRequest } from './admin-request.ts';
import { type Answer, failureOf, readData } from './api-answer.ts';
import { createAsk, preference } from './ask.ts';
import { createDoctorCalls } from './doctor-api.ts';
import { createJobCalls } from './job-api.ts';
import { createKeyCalls } from './key-api.ts';
import { createReconcileCalls } from './reconcile-api.ts';
import { createServerCalls } from './server-api.ts';
import { createTemplateCalls } from './template-api.ts';
import { createTenantCalls } from './tenant-api.ts';

/** As `GET /api/admin/tenants` shows it; members that this program does not know stay. */
const tenant = z.looseObject({
  id: z.string(),
  slug: z.string(),
  name: z.string(),
  status: z.string(),
  plan: z.string().nullish(),
  users: z.number().nullish(),
  database_size_bytes: z.number().nullish(),
  created_at: z.string().nullish(),
  /** Of one tenant that is shown by itself. */
  work: z
    .looseObject({
      job_id: z.string(),
      kind: z.string(),
      is_being_cancelled: z.boolean(),
      progress: z.number(),
      current_step: z.string().nullish(),
      attempts: z.number(),
      error: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
      next_attempt_at: z.string().nullish(),
    })
    .nullish(),
});
export type Tenant = z.infer<typeof tenant>;

const accepted = z.looseObject({
  tenant_id: z.string(),
  slug: z.string().optional(),
  provisioning_id: z.string().nullish(),
});
export type Accepted = z.infer<typeof accepted>;

/** What an action on a tenant answers: the tenant, or the run that works on it, or nothing. */
const acted = z
  .looseObject({
    slug: z.string().optional(),
    status: z.string().optional(),
    purge_after: z.string().nullish(),
    provisioning_id: z.string().nullish(),
  })
  .nullish();
export type Acted = z.infer<typeof acted>;

const run = z.looseObject({
  status: z.string(),
  progress: z.number().optional(),
  current_step: z.string().nullish(),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
});
export type Run = z.infer<typeof run>;

const health = z.looseObject({ status: z.string() });
const figures = z.record(z.string(), z.unknown());

export type TenantAction =
  | 'suspend'
  | 'activate'
  | 'maintenance'
  | 'read-only'
  | 'undelete'
  | 'retry'
  | 'cancel';

export type TenantPage = Answer<Tenant[]> & { nextCursor: string | null; total: number | undefined };

export type NewTenant = {
  organization_name: string;
  admin_email: string;
  admin_password: string;
  admin_name?: string | undefined;
  plan?: string | undefined;
  slug?: string | undefined;
};

const tenantsPath = '/api/admin/tenants';
const pathOf = (key: string) => `${tenantsPath}/${encodeURIComponent(key)}`;

/** The admin API in this program's words. A tenant is named by id or slug. */
export function createAdminApi(request: AdminRequest) {
  const ask = createAsk(request);

  return {
    ...createTemplateCalls(ask),
    ...createTenantCalls(ask),
    ...createDoctorCalls(ask),
    ...createJobCalls(ask),
    ...createReconcileCalls(ask),
    ...createServerCalls(ask),
    ...createKeyCalls(ask),
    async listTenants(query: Record<string, string>): Promise<TenantPage> {
      const answer = await ask({ method: 'GET', path: tenantsPath, query }, z.array(tenant));
      return { ...answer, nextCursor: answer.page?.next_cursor ?? null, total: answer.page?.total };
    },
    findTenant: (key: string) => ask({ method: 'GET', path: pathOf(key) }, tenant),
    createTenant: (body: NewTenant, headers: { key: string; waitSeconds: number }) =>
      ask(
        {
          method: 'POST',
          path: tenantsPath,
          body,
          headers: { 'idempotency-key': headers.key, prefer: preference(headers.waitSeconds) },
        },
        accepted,
      ),
    act: (key: string, action: TenantAction, body: { reason?: string } = {}) =>
      ask({ method: 'POST', path: `${pathOf(key)}/${action}`, body }, acted),
    deleteTenant: (key: string, query: Record<string, string>) =>
      ask({ method: 'DELETE', path: pathOf(key), query }, acted),
    readRun: (id: string) =>
      ask({ method: 'GET', path: `/api/auth/provisioning-status/${encodeURIComponent(id)}` }, run),
    stats: () => ask({ method: 'GET', path: '/api/admin/stats' }, figures),
    /** An unhealthy server answers 503, which is no failure of the question. */
    async health(): Promise<Answer<z.infer<typeof health>>> {
      const answer = await request({ method: 'GET', path: '/health' });
      if (!health.safeParse(answer.body).success || isProblem(answer.body)) throw failureOf(answer);
      return readData(answer.body, health, answer.status);
    },
  };
}

export type AdminApi = ReturnType<typeof createAdminApi>;

function isProblem(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'success' in body && body.success === false;
}
