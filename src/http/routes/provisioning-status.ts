import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import { hasEnded, type RunProgress } from '../../provisioning/run-progress.ts';
import { logError } from '../error-handler.ts';
import { openEventStream, type ServerEvent } from '../event-stream.ts';
import { explainError } from '../explain-error.ts';
import { runProgress, toRunProgress } from '../run-answers.ts';
import { success } from '../schemas.ts';

export type ProvisioningStatusNeeds = {
  readRun: (runId: string) => Promise<RunProgress | undefined>;
  watchRun: (runId: string, signal: AbortSignal) => AsyncIterable<RunProgress>;
  heartbeatMs?: number;
};

const usualHeartbeatMs = 10_000;
/** The id of the last event: a client that comes back with it is told to stay away. */
const lastEventId = 'end';

const params = z.object({ provisioning_id: z.string() });

/** How far a run is. Knowing its id is the right to see it. */
export function provisioningStatusRoutes(needs: ProvisioningStatusNeeds): FastifyPluginAsyncZod {
  const { readRun, watchRun, heartbeatMs = usualHeartbeatMs } = needs;
  const config = { access: 'anyone' } as const;
  const tags = ['Registration'];

  async function findRun(runId: string): Promise<RunProgress> {
    const progress = z.uuid().safeParse(runId).success ? await readRun(runId) : undefined;
    if (progress === undefined) throw errors.notFound('provisioning');
    return progress;
  }

  return async (api) => {
    api.get(
      '/api/auth/provisioning-status/:provisioning_id',
      { config, schema: { tags, summary: 'Progress', params, response: { 200: success(runProgress) } } },
      async (request, reply) => {
        const progress = await findRun(request.params.provisioning_id);
        reply.header('cache-control', 'no-store');
        return { success: true as const, data: toRunProgress(progress) };
      },
    );

    api.get(
      '/api/auth/provisioning-status/:provisioning_id/events',
      {
        config,
        exposeHeadRoute: false,
        schema: { tags, summary: 'Progress as server-sent events', produces: ['text/event-stream'], params },
      },
      async (request, reply) => {
        if (request.headers['last-event-id'] === lastEventId) return reply.code(204).send();
        const { runId } = await findRun(request.params.provisioning_id);
        const gone = new AbortController();
        const stream = openEventStream({
          events: progressEvents(watchRun(runId, AbortSignal.any([gone.signal, api.closing]))),
          heartbeatMs,
          onEnd: () => gone.abort(),
          onError: (error) => logError(request, explainError(error)),
        });
        return reply
          .type('text/event-stream; charset=utf-8')
          .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
          .send(stream);
      },
    );
  };
}

async function* progressEvents(progresses: AsyncIterable<RunProgress>): AsyncIterable<ServerEvent> {
  let count = 0;
  for await (const progress of progresses) {
    count += 1;
    const id = hasEnded(progress) ? lastEventId : String(count);
    yield { id, event: 'progress', data: toRunProgress(progress) };
  }
}
