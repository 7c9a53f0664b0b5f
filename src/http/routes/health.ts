import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Health } from '../health.ts';
import { timestamp } from '../schemas.ts';

const checks = z.record(z.string(), z.string());
const answer = z.object({
  status: z.enum(['healthy', 'degraded', 'unhealthy']),
  service: z.literal('tenant-manager'),
  timestamp,
  checks: checks.optional(),
});
const liveness = z.object({ status: z.literal('live') });
const readiness = z.object({ status: z.enum(['ready', 'not_ready']), checks });

export type HealthRoutesNeeds = { health: Health };

/** For load balancers and people; never limited, and without the success envelope. */
export function healthRoutes({ health }: HealthRoutesNeeds): FastifyPluginAsyncZod {
  const config = { access: 'anyone', isUnlimited: true } as const;
  const tags = ['Health'];

  return async (api) => {
    api.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      if (reply.statusCode === 503) reply.header('retry-after', '2');
    });

    api.get(
      '/health',
      { config, schema: { tags, response: { 200: answer, 503: answer } } },
      async (_, reply) => {
        const report = await health.report();
        return reply.code(report.status === 'unhealthy' ? 503 : 200).send({
          status: report.status,
          service: 'tenant-manager' as const,
          timestamp: new Date().toISOString(),
          ...(report.status === 'healthy' ? {} : { checks: report.checks }),
        });
      },
    );

    api.get('/health/live', { config, schema: { tags, response: { 200: liveness } } }, async () => ({
      status: 'live' as const,
    }));

    const schema = { tags, response: { 200: readiness, 503: readiness } };
    api.get('/health/ready', { config, schema }, async (_, reply) => {
      const report = await health.report();
      const isReady = report.status !== 'unhealthy';
      return reply
        .code(isReady ? 200 : 503)
        .send({ status: isReady ? 'ready' : 'not_ready', checks: report.checks });
    });
  };
}
