import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { DoctorHere } from '../../reconcile/doctor/doctor.ts';
import type { TaskRequests } from '../../tasks/request-task.ts';
import { actorOf } from '../caller.ts';
import { success, timestamp } from '../schemas.ts';
import { answerTask, taskStarted } from '../task-answers.ts';

export type AdminDoctorNeeds = {
  /** What this process sees by itself. */
  doctor: DoctorHere;
  tasks: Pick<TaskRequests, 'requestTask' | 'waitForTask'>;
};

const doctorReport = z.object({
  by: z.enum(['worker', 'api']).meta({ description: 'Who looked: only a worker sees the database servers.' }),
  looked_at: timestamp,
  checks: z.array(
    z.object({
      check: z.string().meta({ examples: ['server.open_databases'] }),
      status: z.enum(['ok', 'warning', 'problem', 'unknown']),
      subject: z.string(),
      detail: z.string(),
      remedy: z.string().nullable(),
      fixable: z.boolean(),
    }),
  ),
  fixed: z.array(z.object({ subject: z.string(), detail: z.string() })),
  summary: z.object({
    ok: z.number().int(),
    warning: z.number().int(),
    problem: z.number().int(),
    unknown: z.number().int(),
  }),
});

const query = z.strictObject({
  here: z
    .stringbool()
    .default(false)
    .meta({ description: 'Ask no worker: only what the process that answers sees by itself.' }),
});
const config = { access: 'operator' } as const;
const readConfig = { access: 'operator-read' } as const;
const response = { 200: success(doctorReport), 202: taskStarted };
const tags = ['Admin'];

/**
 * What an installation stands on, looked at. A worker does it, since only it has the servers' logins; where none is
 * alive the process that was asked answers with what it sees itself, which says so.
 */
export function adminDoctorRoutes(needs: AdminDoctorNeeds): FastifyPluginAsyncZod {
  return async (api) => {
    const look = {
      tags,
      summary: 'Look for what is wrong with the installation',
      querystring: query,
      response,
    };
    api.get('/api/admin/doctor', { config: readConfig, schema: look }, (request, reply) =>
      request.query.here ? lookHere(needs) : askWorker(needs, 'doctor.check', { request, reply }),
    );

    const summary = 'Mend what can be mended without a decision, then look';
    api.post('/api/admin/doctor/fix', { config, schema: { tags, summary, response } }, (request, reply) =>
      askWorker(needs, 'doctor.fix', { request, reply }),
    );
  };
}

type Asked = { request: FastifyRequest; reply: FastifyReply };

async function askWorker(needs: AdminDoctorNeeds, kind: 'doctor.check' | 'doctor.fix', asked: Asked) {
  const { doctor, tasks } = needs;
  // Left for a worker that starts some day, it would come when nobody waits for it.
  if (!(await doctor.isWorkerAlive())) return lookHere(needs);
  const { request, reply } = asked;
  const asker = { actor: actorOf(request.caller), requestId: request.id };
  const taskId = await tasks.requestTask({ kind, parameters: {}, ...asker });
  return answerTask(tasks, { request, reply, taskId }, (result) => doctorReport.parse(result));
}

async function lookHere({ doctor }: AdminDoctorNeeds) {
  return { success: true as const, data: await doctor.check() };
}
