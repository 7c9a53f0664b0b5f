import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll } from 'vitest';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App } from '../../src/http/app.ts';
import { meRoutes } from '../../src/http/routes/me.ts';
import { mySessionsRoutes } from '../../src/http/routes/my-sessions.ts';
import { sessionRoutes } from '../../src/http/routes/sessions.ts';
import { tenantMemberRoutes } from '../../src/http/routes/tenant-members.ts';
import { tenantProfileRoutes } from '../../src/http/routes/tenant-profile.ts';
import type { Identity } from '../../src/identity/identity.ts';
import type { MemberRole } from '../../src/registry/tables.generated.ts';
import { goodPassword, type TestTenant, useIdentityBench } from '../identity/identity-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
export type Sent = { token?: string; body?: object; headers?: Record<string, string> };

/** What the routing room would say. */
async function databaseUrlOf(tenantId: string, withPassword: boolean): Promise<string> {
  return `postgresql://a_role${withPassword ? ':its-password' : ''}@db.example:5432/${tenantId}`;
}

/** The API with the routes of identity, on a registry of the file's own. */
export function useIdentityApp({ givesDatabasePassword = false } = {}) {
  const bench = useIdentityBench();
  let app: App;
  let identity: Identity;

  beforeAll(async () => {
    identity = bench.identity();
    const needs = { database: bench.database(), identity, givesDatabasePassword, databaseUrlOf };
    const routes = [sessionRoutes, meRoutes, mySessionsRoutes, tenantProfileRoutes, tenantMemberRoutes];
    const { verifyAccessToken } = identity;
    const made = await createTestApp(
      routes.map((route) => route(needs)),
      { authentication: { verifyAccessToken, adminKey: createAdminKey(adminKey) } },
    );
    app = made.app;
  });
  afterAll(() => app.close());

  function send(method: Method, url: string, sent: Sent = {}): Promise<LightMyRequestResponse> {
    const { token, body, headers } = sent;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const options: InjectOptions = { method, url, headers: { ...authorization, ...headers } };
    return inject(app, body === undefined ? options : { ...options, payload: body });
  }

  return {
    ...bench,
    send,
    /** A member of a new tenant, or of the given one, logged in. */
    async enter(role: MemberRole, tenant?: TestTenant) {
      const into = tenant ?? (await bench.makeTenant());
      const person = await bench.makePerson();
      await bench.join(into, person, role);
      const tokens = await identity.login({ email: person.email, password: goodPassword });
      return { tenant: into, person, token: tokens.accessToken, ...tokens };
    },
    async enterAsSuperAdmin(email: string): Promise<string> {
      await identity.createSuperAdmin({ email, password: goodPassword });
      return (await identity.login({ email, password: goodPassword })).accessToken;
    },
  };
}
