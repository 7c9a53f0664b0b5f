import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import type { TenantLifecycle } from '../../provisioning/tenant-lifecycle.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { findJob, type Job } from '../../registry/repositories/job-list.ts';
import { latestRun } from '../../registry/repositories/provisioning-runs.ts';
import type { TaskRequests } from '../../tasks/request-task.ts';
import { taskKinds } from '../../tasks/task-kinds.ts';
import { actorOf } from '../caller.ts';
import { jobDetail, jobItem, readJobDetail } from '../job-answer.ts';
import { readJobPage } from '../job-page.ts';
import { pageQuery, plainText, success, successPage } from '../schemas.ts';
import { jobStatus } from '../task-answers.ts';

export type AdminJobsNeeds = {
  registry: RegistryDatabase;
  tasks: Pick<TaskRequests, 'retryTask' | 'cancelTask'>;
  lifecycle: Pick<TenantLifecycle, 'retryTenant' | 'cancelTenant'>;
};

const listQuery = z.strictObject({
  ...pageQuery,
  kind: plainText.optional().meta({ examples: ['tenant.provision', 'reconcile.apply'] }),
  status: jobStatus.optional(),
  attention: z.stringbool().default(false).meta({ description: 'Only what needs an operator.' }),
});
const jobParams = z.object({ id: z.uuid() });
const config = { access: 'operator' } as const;
const readConfig = { access: 'operator-read' } as const;
const tags = ['Admin'];
const kinds = ['tenant.provision', 'tenant.purge', ...Object.keys(taskKinds)].sort();

type Api = Parameters<FastifyPluginAsyncZod>[0];

/** What is under way and what is over: tasks that operators asked for, and runs that make or unmake tenants. */
export function adminJobsRoutes(needs: AdminJobsNeeds): FastifyPluginAsyncZod {
  return async (api) => {
    addList(api, needs);
    addDetail(api, needs);
    addAction(api, needs, 'retry');
    addAction(api, needs, 'cancel');
  };
}

function addList(api: Api, { registry }: AdminJobsNeeds): void {
  const summary = 'List jobs, the newest first';
  const schema = { tags, summary, querystring: listQuery, response: { 200: successPage(jobItem) } };
  api.get('/api/admin/jobs', { config: readConfig, schema }, async ({ query }) => {
    const { kind, status, attention } = query;
    assertKind(kind);
    const filter = { kind, status, ...(attention && { needsAttention: true as const }) };
    return readJobPage(registry, query, filter);
  });
}

/** A kind that does not exist would give an empty list, which says that all is well. */
function assertKind(kind: string | undefined): void {
  if (kind === undefined || kinds.includes(kind)) return;
  throw errors.invalidRequest([{ path: 'kind', message: `must be one of ${kinds.join(', ')}` }]);
}

function addDetail(api: Api, { registry }: AdminJobsNeeds): void {
  const schema = { tags, summary: 'One job', params: jobParams, response: { 200: success(jobDetail) } };
  api.get('/api/admin/jobs/:id', { config: readConfig, schema }, async ({ params }) => ({
    success: true as const,
    data: await readJobDetail(registry, await jobAt(registry, params.id)),
  }));
}

const actions = {
  retry: { summary: 'Begin a failed job anew', done: 'retried', task: 'retryTask', run: 'retryTenant' },
  cancel: { summary: 'Stop a job', done: 'cancelled', task: 'cancelTask', run: 'cancelTenant' },
} as const;

function addAction(api: Api, needs: AdminJobsNeeds, name: keyof typeof actions): void {
  const { registry, tasks, lifecycle } = needs;
  const { summary, done, task, run } = actions[name];
  const schema = { tags, summary, params: jobParams, response: { 200: success(jobDetail) } };
  api.post(`/api/admin/jobs/:id/${name}`, { config, schema }, async (request) => {
    const job = await jobAt(registry, request.params.id);
    const asker = askerOf(request);
    if (job.tenantId === null) await tasks[task](job.id, asker);
    else {
      const newest = await latestRun(registry, job.tenantId);
      if (newest?.id !== job.id) throw errors.jobStateConflict(`${job.status} and not the newest`, done);
      await lifecycle[run](job.tenantId, asker);
    }
    return { success: true as const, data: await readJobDetail(registry, await jobAt(registry, job.id)) };
  });
}

async function jobAt(registry: RegistryDatabase, id: string): Promise<Job> {
  const job = await findJob(registry, id);
  if (job === undefined) throw errors.notFound('job');
  return job;
}

const askerOf = (request: FastifyRequest) => ({ actor: actorOf(request.caller), requestId: request.id });
