import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import type { AddTemplate } from '../../provisioning/template-additions.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { readTemplateOverview } from '../../registry/repositories/template-overview.ts';
import {
  findTemplate,
  findTemplateById,
  listTemplates,
  type Template,
} from '../../registry/repositories/templates.ts';
import type { TaskAsker, TaskRequests } from '../../tasks/request-task.ts';
import { actorOf } from '../caller.ts';
import { plainText, success, uuid } from '../schemas.ts';
import { answerTask, taskStarted } from '../task-answers.ts';
import { refreshAnswer, templateAnswer, toTemplateAnswer } from '../template-answer.ts';

export type AdminTemplatesNeeds = {
  registry: RegistryDatabase;
  addTemplate: AddTemplate;
  tasks: Pick<TaskRequests, 'requestTask' | 'waitForTask'>;
};

const keyShape = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const isUuid = (text: string) => z.uuid().safeParse(text).success;
const longestName = 63;
const newTemplate = z.strictObject({
  key: z
    .string()
    .max(40, 'must have at most 40 characters')
    .regex(keyShape, 'must consist of lower-case letters and digits, in parts joined by single hyphens')
    .refine((key) => !isUuid(key), 'must not look like an id')
    .meta({ examples: ['shop'] }),
  source_database: plainText
    .refine((name) => Buffer.byteLength(name) <= longestName, `must have at most ${longestName} bytes`)
    .meta({ description: 'The database whose schema tenants of this template get.' }),
  data_tables: z
    .array(plainText)
    .max(1_000)
    .default([])
    .meta({ description: 'Tables whose rows tenants get as well, schema-qualified.' }),
});
/** With the job that builds it. */
const addedAnswer = templateAnswer.extend({ job_id: uuid });
const params = z.object({ id: z.string().meta({ description: 'Id or key.' }) });
const config = { access: 'operator' } as const;
const readConfig = { access: 'operator-read' } as const;
const tags = ['Admin'];

type Api = Parameters<FastifyPluginAsyncZod>[0];

/** The sources that tenants are made of, and what was made of them. */
export function adminTemplatesRoutes(needs: AdminTemplatesNeeds): FastifyPluginAsyncZod {
  return async (api) => {
    addReading(api, needs);
    addAddition(api, needs);
    addRefresh(api, needs);
  };
}

function addReading(api: Api, { registry }: AdminTemplatesNeeds): void {
  const list = { tags, summary: 'List templates', response: { 200: success(z.array(templateAnswer)) } };
  api.get('/api/admin/templates', { config: readConfig, schema: list }, async () => {
    const templates = await listTemplates(registry);
    return {
      success: true as const,
      data: await Promise.all(templates.map((each) => answer(registry, each))),
    };
  });

  const one = { tags, summary: 'One template', params, response: { 200: success(templateAnswer) } };
  api.get('/api/admin/templates/:id', { config: readConfig, schema: one }, async (request) => ({
    success: true as const,
    data: await answer(registry, await templateAt(registry, request.params.id)),
  }));
}

function addAddition(api: Api, { registry, addTemplate, tasks }: AdminTemplatesNeeds): void {
  const summary = 'Add a template; it is built at once, GET tells of its versions and of what is in the way';
  const schema = { tags, summary, body: newTemplate, response: { 201: success(addedAnswer) } };
  api.post('/api/admin/templates', { config, schema }, async (request, reply) => {
    const { key, source_database: sourceDatabase, data_tables: dataTables } = request.body;
    const asker = { actor: actorOf(request.caller), requestId: request.id };
    const template = await addTemplate({ key, sourceDatabase, dataTables }, asker);
    // Lost with this process, it is built by the next look at the sources.
    const jobId = await requestRefresh(tasks, template.id, asker);
    reply.code(201).header('location', `/api/admin/templates/${template.id}`);
    return { success: true as const, data: { ...(await answer(registry, template)), job_id: jobId } };
  });
}

function addRefresh(api: Api, { registry, tasks }: AdminTemplatesNeeds): void {
  const summary = 'Look at the source now, and build a new version when it has changed';
  const schema = { tags, summary, params, response: { 200: success(refreshAnswer), 202: taskStarted } };
  api.post('/api/admin/templates/:id/refresh', { config, schema }, async (request, reply) => {
    const { id } = await templateAt(registry, request.params.id);
    const asker = { actor: actorOf(request.caller), requestId: request.id };
    const taskId = await requestRefresh(tasks, id, asker);
    return answerTask(tasks, { request, reply, taskId }, (result) => refreshAnswer.parse(result));
  });
}

function requestRefresh(tasks: AdminTemplatesNeeds['tasks'], templateId: string, asker: TaskAsker) {
  return tasks.requestTask({ kind: 'templates.refresh', parameters: { template_id: templateId }, ...asker });
}

/** @throws not_found */
async function templateAt(registry: RegistryDatabase, idOrKey: string): Promise<Template> {
  // Only what may be a key is asked for: the registry refuses some texts.
  const findByKey = async () => (keyShape.test(idOrKey) ? findTemplate(registry, idOrKey) : undefined);
  const template = isUuid(idOrKey) ? await findTemplateById(registry, idOrKey) : await findByKey();
  if (template === undefined) throw errors.notFound('template');
  return template;
}

async function answer(registry: RegistryDatabase, template: Template) {
  return toTemplateAnswer(await readTemplateOverview(registry, template));
}
