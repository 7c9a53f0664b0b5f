import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { sql } from 'kysely';
import { afterEach, beforeEach } from 'vitest';
import { z } from 'zod';
import type { App } from '../../src/http/app.ts';
import type { IdempotencyNeeds } from '../../src/http/idempotent-answers.ts';
import { obeyIdempotencyKeys } from '../../src/http/plugins/idempotency.ts';
import { useHttpBench } from './http-bench.ts';
import { createTestApp, inject } from './test-app.ts';

export const quick = { leaseMs: 600, waitMs: 4_000, lookEveryMs: 50 };

export type Work = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

export type Send = { key?: string; name?: string; url?: string; headers?: Record<string, string | string[]> };

/** Processes that share a registry, with routes that make something; the test says what their handler does. */
export function useIdempotencyBench() {
  const bench = useHttpBench();
  const apps: App[] = [];
  let calls = 0;
  let work: Work;

  /** Answers with something new at each call, as tokens are. */
  const answerAnew: Work = async (_request, reply) => {
    calls += 1;
    return reply.code(201).header('location', `/things/${calls}`).send({ secret: randomUUID(), calls });
  };

  beforeEach(() => {
    calls = 0;
    work = answerAnew;
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  const routes: FastifyPluginAsyncZod = async (api) => {
    const schema = { body: z.strictObject({ name: z.string() }) };
    for (const [url, access] of [
      ['/things', 'anyone'],
      ['/others', 'anyone'],
      ['/admin/things', 'operator'],
      ['/member/things', 'member'],
    ] as const) {
      const config = { access, idempotent: true } as const;
      api.post(url, { config, schema }, (request, reply) => work(request, reply));
    }
    const plain = { access: 'anyone' } as const;
    api.post('/plain', { config: plain, schema }, (request, reply) => work(request, reply));
  };

  return {
    ...bench,
    answerAnew,
    calls: () => calls,
    countCall(): void {
      calls += 1;
    },
    handle(next: Work): void {
      work = next;
    },

    /** One more process, as it were. */
    async startApi(times: IdempotencyNeeds['times'] = quick): Promise<App> {
      const plugins = [(app: App) => obeyIdempotencyKeys(app, { ...bench.platform(), times })];
      const { app } = await createTestApp([routes], { plugins });
      apps.push(app);
      return app;
    },

    post(app: App, { key, name = 'a', url = '/things', headers = {} }: Send = {}) {
      const keyed = key === undefined ? {} : { 'idempotency-key': key };
      return inject(app, { method: 'POST', url, payload: { name }, headers: { ...keyed, ...headers } });
    },

    async countKeys(key: string): Promise<number> {
      const { count } = await bench
        .database()
        .selectFrom('idempotencyKeys')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('key', '=', key)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** As if whoever has the key had been dead for long. */
    async endLease(key: string): Promise<void> {
      await sql`UPDATE idempotency_keys SET owner = ${randomUUID()}, leased_until = now() WHERE key = ${key}`.execute(
        bench.database(),
      );
    },
  };
}

/** Promise.withResolvers, which Node 20 lacks. */
export function gate() {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, resolve: () => open() };
}
