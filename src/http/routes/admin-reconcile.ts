import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { TaskRequest, TaskRequests } from '../../tasks/request-task.ts';
import { actorOf } from '../caller.ts';
import { plainText, success, timestamp, uuid } from '../schemas.ts';
import { answerTask, taskStarted } from '../task-answers.ts';

export type AdminReconcileNeeds = { tasks: Pick<TaskRequests, 'requestTask' | 'waitForTask'> };

const count = z.number().int();
const finding = z.object({
  invariant: z.string(),
  kind: z.string().meta({ examples: ['database_orphaned'] }),
  server: z.string().nullable(),
  subject: z.string(),
  tenant_id: uuid.optional(),
  detail: z.string(),
  repair: z
    .object({ action: z.string(), sentence: z.string() })
    .optional()
    .meta({ description: 'What apply does; left out where only a person can decide.' }),
});
const report = {
  depth: z.enum(['catalog', 'deep']),
  compared: z.object({
    servers: count,
    tenants: count,
    warm_databases: count,
    template_copies: count,
    databases: count,
    roles: count,
  }),
  findings: z.array(finding),
  omitted: count.meta({ description: 'Findings beyond those that are listed.' }),
  unchecked: z
    .array(z.object({ subject: z.string(), reason: z.string() }))
    .meta({ description: 'What could not be looked at: of that nothing is said.' }),
  omitted_unchecked: count.default(0).meta({ description: 'The same beyond those that are listed.' }),
  quarantined: z.array(
    z.object({
      server: z.string(),
      name: z.string(),
      reason: z.string(),
      quarantined_at: timestamp,
      released_at: timestamp
        .nullable()
        .default(null)
        .meta({ description: 'Since when it is an operator’s, and left alone.' }),
    }),
  ),
};
const planAnswer = z.object(report);
const applyAnswer = z.object({
  ...report,
  repairs: z.array(
    z.object({
      server: z.string().nullable(),
      subject: z.string(),
      tenant_id: uuid.optional(),
      actions: z.array(z.string()),
      outcome: z.enum(['done', 'gone', 'busy', 'failed', 'held']),
      detail: z.string().optional(),
    }),
  ),
  omitted_repairs: count.default(0).meta({ description: 'Repairs beyond those that are listed.' }),
});
const dropAnswer = z.object({ dropped: z.string(), server: z.string() });
const releaseAnswer = z.object({ released: z.string(), server: z.string() });
const choice = z.strictObject({ name: plainText, server: plainText.optional() });

const depth = z.enum(['catalog', 'deep']).default('catalog').meta({
  description: '`catalog` looks from outside; `deep` logs in to every active tenant’s database as well.',
});
const config = { access: 'operator' } as const;
const readConfig = { access: 'operator-read' } as const;
const tags = ['Admin'];

type Api = Parameters<FastifyPluginAsyncZod>[0];

/** Registry against servers. Workers do it, since only they have the servers' logins. */
export function adminReconcileRoutes(needs: AdminReconcileNeeds): FastifyPluginAsyncZod {
  return async (api) => {
    addPlan(api, needs);
    addApply(api, needs);
    addDrop(api, needs);
    addRelease(api, needs);
  };
}

function addPlan(api: Api, { tasks }: AdminReconcileNeeds): void {
  const schema = {
    tags,
    summary: 'Compare the registry with the servers, and say what apply would do',
    querystring: z.strictObject({ depth }),
    response: { 200: success(planAnswer), 202: taskStarted },
  };
  api.get('/api/admin/reconcile', { config: readConfig, schema }, async (request, reply) => {
    const { depth } = request.query;
    const taskId = await ask(tasks, request, { kind: 'reconcile.plan', parameters: { depth } });
    return answerTask(tasks, { request, reply, taskId }, (result) => planAnswer.parse(result));
  });
}

function addApply(api: Api, { tasks }: AdminReconcileNeeds): void {
  const schema = {
    tags,
    summary: 'Mend what can be mended; the findings of the answer are those that remain',
    body: z.strictObject({ depth: depth.optional() }).nullish(),
    response: { 200: success(applyAnswer), 202: taskStarted },
  };
  api.post('/api/admin/reconcile/apply', { config, schema }, async (request, reply) => {
    const parameters = { depth: request.body?.depth ?? 'catalog' };
    const taskId = await ask(tasks, request, { kind: 'reconcile.apply', parameters });
    return answerTask(tasks, { request, reply, taskId }, (result) => applyAnswer.parse(result));
  });
}

function addDrop(api: Api, { tasks }: AdminReconcileNeeds): void {
  const schema = {
    tags,
    summary: 'Destroy a database that is in quarantine',
    body: choice,
    response: { 200: success(dropAnswer), 202: taskStarted },
  };
  api.post('/api/admin/reconcile/drop-quarantined', { config, schema }, async (request, reply) => {
    const parameters = chosen(request.body);
    const taskId = await ask(tasks, request, { kind: 'reconcile.drop', parameters });
    return answerTask(tasks, { request, reply, taskId }, (result) => dropAnswer.parse(result));
  });
}

function addRelease(api: Api, { tasks }: AdminReconcileNeeds): void {
  const schema = {
    tags,
    summary: 'Give a database that is in quarantine to an operator: it is opened, and left alone',
    body: choice,
    response: { 200: success(releaseAnswer), 202: taskStarted },
  };
  api.post('/api/admin/reconcile/release-quarantined', { config, schema }, async (request, reply) => {
    const parameters = chosen(request.body);
    const taskId = await ask(tasks, request, { kind: 'reconcile.release', parameters });
    return answerTask(tasks, { request, reply, taskId }, (result) => releaseAnswer.parse(result));
  });
}

const chosen = ({ name, server }: z.infer<typeof choice>) =>
  server === undefined ? { name } : { name, server };

type Kind = 'reconcile.plan' | 'reconcile.apply' | 'reconcile.drop' | 'reconcile.release';

function ask<Asked extends Kind>(
  { requestTask }: AdminReconcileNeeds['tasks'],
  request: FastifyRequest,
  task: Pick<TaskRequest<Asked>, 'kind' | 'parameters'>,
): Promise<string> {
  return requestTask({ ...task, actor: actorOf(request.caller), requestId: request.id });
}
