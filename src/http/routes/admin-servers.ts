import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import { assertRemovable, type ServerAdministration } from '../../provisioning/server-administration.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import {
  findServerSummary,
  listServerSummaries,
  type ServerSummary,
} from '../../registry/repositories/server-admin.ts';
import type { TaskRequests } from '../../tasks/request-task.ts';
import { actorOf } from '../caller.ts';
import { password, plainText, success, uuid } from '../schemas.ts';
import { serverAnswer, toServerAnswer } from '../server-answer.ts';
import { answerTask, taskStarted } from '../task-answers.ts';

export type AdminServersNeeds = {
  registry: RegistryDatabase;
  servers: ServerAdministration;
  tasks: Pick<TaskRequests, 'requestTask' | 'waitForTask'>;
  defaultRegion: string;
};

const nameShape = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const isUuid = (text: string) => z.uuid().safeParse(text).success;
const region = plainText.max(40);
const weight = z.int().min(0).max(1_000).meta({ description: 'With 0 it takes no new tenants.' });
const capacityDatabases = z.int().min(1).max(1_000_000);
const capacityBytes = z.int().min(1).nullable();
const tls = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('disable') }),
  z.strictObject({ mode: z.literal('require') }),
  z.strictObject({
    mode: z.literal('verify-full'),
    ca: z.string().max(100_000).optional().meta({ description: 'PEM; else the system’s authorities.' }),
  }),
]);
const newServer = z.strictObject({
  name: z
    .string()
    .max(40, 'must have at most 40 characters')
    .regex(nameShape, 'must consist of lower-case letters and digits, in parts joined by single hyphens')
    .refine((name) => !isUuid(name), 'must not look like an id')
    .meta({ examples: ['eu-2'] }),
  host: z.string().min(1).max(253).meta({ description: 'Within ALLOWED_DATABASE_CIDRS.' }),
  port: z.int().min(1).max(65_535).default(5_432),
  tls: tls.default({ mode: 'disable' }),
  region: region.optional(),
  weight: weight.default(1),
  capacity_databases: capacityDatabases.default(1_000),
  capacity_bytes: capacityBytes.default(null),
  admin_user: plainText.refine((name) => Buffer.byteLength(name) <= 63, 'must have at most 63 bytes'),
  admin_password: password.meta({ description: 'Sealed for the workers at once, and never shown.' }),
});
const change = z
  .strictObject({
    weight: weight.optional(),
    capacity_databases: capacityDatabases.optional(),
    capacity_bytes: capacityBytes.optional(),
    region: region.optional(),
    status: z
      .enum(['open', 'draining'])
      .optional()
      .meta({ description: 'draining: no new tenants, no warm databases; who is there stays.' }),
  })
  .refine((body) => Object.keys(body).length > 0, 'must change something');
const addedAnswer = serverAnswer.extend({ job_id: uuid.meta({ description: 'The test of it.' }) });
const checkAnswer = z.object({
  server: z.string(),
  version: z.string(),
  connections: z.int(),
  login: z.string(),
  not_compared_with: z.array(z.string()),
});
const removedAnswer = z.object({ server: z.string(), templates_dropped: z.int() });
const params = z.object({ id: z.string().meta({ description: 'Id or name.' }) });
const readConfig = { access: 'operator-read' } as const;
const config = { access: 'operator' } as const;
/** They hand over a login, or take a server away. */
const ownerConfig = { access: 'operator-owner' } as const;
const tags = ['Admin'];

type Api = Parameters<FastifyPluginAsyncZod>[0];

/** Where tenants' databases live. */
export function adminServersRoutes(needs: AdminServersNeeds): FastifyPluginAsyncZod {
  return async (api) => {
    addReading(api, needs);
    addAddition(api, needs);
    addChange(api, needs);
    addCheck(api, needs);
    addRemoval(api, needs);
  };
}

function addReading(api: Api, { registry }: AdminServersNeeds): void {
  const list = {
    tags,
    summary: 'List database servers, with what is on them',
    response: { 200: success(z.array(serverAnswer)) },
  };
  api.get('/api/admin/servers', { config: readConfig, schema: list }, async () => ({
    success: true as const,
    data: (await listServerSummaries(registry)).map(toServerAnswer),
  }));

  const one = { tags, summary: 'One database server', params, response: { 200: success(serverAnswer) } };
  api.get('/api/admin/servers/:id', { config: readConfig, schema: one }, async (request) => ({
    success: true as const,
    data: toServerAnswer(await serverAt(registry, request.params.id)),
  }));
}

function addAddition(api: Api, { registry, servers, tasks, defaultRegion }: AdminServersNeeds): void {
  const summary = 'Add a database server; a worker tests it, and then it takes tenants';
  const schema = { tags, summary, body: newServer, response: { 201: success(addedAnswer) } };
  const addConfig = { ...ownerConfig, idempotent: true } as const;
  api.post('/api/admin/servers', { config: addConfig, schema }, async (request, reply) => {
    const { body } = request;
    const asker = askerOf(request);
    const id = await servers.addServer(
      {
        name: body.name,
        host: body.host,
        port: body.port,
        tls: withoutUndefined(body.tls),
        region: body.region ?? defaultRegion,
        weight: body.weight,
        capacityDatabases: body.capacity_databases,
        capacityBytes: body.capacity_bytes,
        admin: { user: body.admin_user, password: body.admin_password },
      },
      asker,
    );
    // Lost with this process, it is asked for again by POST …/check.
    const jobId = await tasks.requestTask({ kind: 'servers.check', parameters: { server_id: id }, ...asker });
    reply.code(201).header('location', `/api/admin/servers/${id}`);
    const added = toServerAnswer(await serverAt(registry, id));
    return { success: true as const, data: { ...added, job_id: jobId } };
  });
}

function addChange(api: Api, { registry, servers }: AdminServersNeeds): void {
  const summary = 'Change weight, capacity or region of a server, drain it, or open it again';
  const schema = { tags, summary, params, body: change, response: { 200: success(serverAnswer) } };
  api.patch('/api/admin/servers/:id', { config, schema }, async (request) => {
    const { capacity_databases, capacity_bytes, ...rest } = request.body;
    const { id } = await serverAt(registry, request.params.id);
    await servers.changeServer(
      id,
      {
        ...withoutUndefined(rest),
        ...(capacity_databases !== undefined && { capacityDatabases: capacity_databases }),
        ...(capacity_bytes !== undefined && { capacityBytes: capacity_bytes }),
      },
      askerOf(request),
    );
    return { success: true as const, data: toServerAnswer(await serverAt(registry, id)) };
  });
}

function addCheck(api: Api, { registry, tasks }: AdminServersNeeds): void {
  const summary = 'Let a worker test a server; one that passes its first test takes tenants from then on';
  const schema = { tags, summary, params, response: { 200: success(checkAnswer), 202: taskStarted } };
  api.post('/api/admin/servers/:id/check', { config, schema }, async (request, reply) => {
    const { id } = await serverAt(registry, request.params.id);
    const parameters = { server_id: id };
    const taskId = await tasks.requestTask({ kind: 'servers.check', parameters, ...askerOf(request) });
    return answerTask(tasks, { request, reply, taskId }, (result) => checkAnswer.parse(result));
  });
}

function addRemoval(api: Api, { registry, tasks }: AdminServersNeeds): void {
  const summary =
    'Take a drained server out of the list; nothing may be on it but templates, which are dropped';
  const schema = { tags, summary, params, response: { 200: success(removedAnswer), 202: taskStarted } };
  api.delete('/api/admin/servers/:id', { config: ownerConfig, schema }, async (request, reply) => {
    const server = await serverAt(registry, request.params.id);
    assertRemovable(server);
    const asker = askerOf(request);
    const parameters = { server_id: server.id, actor: asker.actor };
    const taskId = await tasks.requestTask({ kind: 'servers.remove', parameters, ...asker });
    return answerTask(tasks, { request, reply, taskId }, (result) => removedAnswer.parse(result));
  });
}

/** @throws not_found */
async function serverAt(registry: RegistryDatabase, idOrName: string): Promise<ServerSummary> {
  const findByName = async () =>
    nameShape.test(idOrName) ? findServerSummary(registry, { name: idOrName }) : undefined;
  const server = isUuid(idOrName) ? await findServerSummary(registry, { id: idOrName }) : await findByName();
  if (server === undefined) throw errors.notFound('database server');
  return server;
}

const askerOf = (request: FastifyRequest) => ({ actor: actorOf(request.caller), requestId: request.id });

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** zod gives members that were left out as undefined. */
function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<T>;
}
