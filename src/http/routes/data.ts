import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { checkRequest, type DataApi, type DataRequest } from '../../data-api/data-api.ts';
import { dataErrors } from '../../data-api/data-error.ts';
import { parseBody } from '../../data-api/parse-body.ts';
import { parseQuery } from '../../data-api/parse-query.ts';
import { parsePreferences } from '../../data-api/preferences.ts';
import { answerDataError } from '../data-errors.ts';
import { requireTenant } from '../plugins/tenant.ts';
import { requireTenantMember } from '../require-member.ts';

export type DataRoutesNeeds = { dataApi: DataApi };

const params = z.object({ table: z.string() });
const tags = ['data'];
/** Nothing outlives the transaction of a request: its connection needs no reset. */
const untouched = { changesSession: false };
const json = 'application/json; charset=utf-8';

/** The tenant's own tables, in PostgREST's language. */
export function dataRoutes({ dataApi }: DataRoutesNeeds): FastifyPluginAsyncZod {
  const config = { access: 'tenant-member' } as const;
  const readSchema = { tags, summary: 'Read rows', params };
  const insertSchema = { tags, summary: 'Insert rows', params };
  return async (api) => {
    api.setErrorHandler(answerDataError);
    keepBodyAsText(api);

    api.get('/api/data/:table', { config, schema: readSchema }, async (request, reply) => {
      assertMay('read', request);
      assertAcceptsJson(request);
      const asked = readRequest(request, request.params.table, 'accept-profile');
      checkRequest(asked);
      const tenant = requireTenant(request);
      const rows = await tenant.withDatabase((client) => dataApi.read(client, asked), untouched);
      const { offset } = asked.query;
      const range = rows.count === 0 ? '*' : `${offset}-${offset + rows.count - 1}`;
      return sendRows(reply.header('content-range', `${range}/*`), rows.body);
    });

    api.post(
      '/api/data/:table',
      { config: { ...config, idempotent: true, readsBodyItself: true }, schema: insertSchema },
      async (request, reply) => {
        assertMay('write', request);
        assertAcceptsJson(request);
        const preferences = parsePreferences(onlyText(request.headers.prefer));
        const asked = readRequest(request, request.params.table, 'content-profile');
        const body = parseBody(typeof request.body === 'string' ? request.body : '', asked.query.columns);
        checkRequest({ ...asked, body });
        const returnsRows = preferences.returns === 'representation';
        const insertion = { ...asked, body, returnsRows };
        const tenant = requireTenant(request);
        const rows = await tenant.withDatabase((client) => dataApi.insert(client, insertion), untouched);
        reply.code(201).header('content-range', '*/*');
        if (preferences.applied.length > 0)
          reply.header('preference-applied', preferences.applied.join(', '));
        return rows === undefined ? reply.send() : sendRows(reply, rows.body);
      },
    );
  };
}

/** Numbers of a body reach the database as they were written; parsed here, large ones would lose digits. */
function keepBodyAsText(api: FastifyInstance): void {
  api.removeContentTypeParser('application/json');
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body.toString()),
  );
}

function sendRows(reply: FastifyReply, body: string): FastifyReply {
  return reply.type(json).serializer(asItIs).send(body);
}

const asItIs = (payload: unknown): string => String(payload);

/** What `tenant_settings.data_api.user_access` leaves to members with the role USER. */
function assertMay(what: 'read' | 'write', request: FastifyRequest): void {
  const { userAccess } = requireTenant(request);
  if (requireTenantMember(request.caller).role !== 'USER') return;
  if (userAccess === 'none')
    throw dataErrors.accessRefused('Only an ADMIN may use the data of this organization');
  if (userAccess === 'read' && what === 'write') {
    throw dataErrors.accessRefused('Only an ADMIN may change the data of this organization');
  }
}

function readRequest(request: FastifyRequest, table: string, profile: string): DataRequest {
  const [path = '', queryString = ''] = splitUrl(request.url);
  const schema = onlyText(request.headers[profile]) ?? 'public';
  return {
    relation: { schema, table },
    query: parseQuery(queryString),
    caller: { claims: claimsOf(request), method: request.method, path },
  };
}

function splitUrl(url: string): [path: string, queryString: string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

/** By the names that they have in the access token. */
function claimsOf(request: FastifyRequest) {
  const { userId, tenantId, tenantKey, role, sessionId } = requireTenantMember(request.caller);
  return { sub: userId, tenant_id: tenantId, tenant_key: tenantKey, role, sid: sessionId };
}

const onlyText = (header: string | string[] | undefined) =>
  Array.isArray(header) ? header.join(', ') : header;

function assertAcceptsJson({ headers }: FastifyRequest): void {
  const accept = headers.accept ?? '*/*';
  const isAccepted = accept
    .split(',')
    .some((type) => /^\s*(application\/json|application\/\*|\*\/\*)\s*(;|$)/i.test(type));
  if (!isAccepted) throw dataErrors.mediaTypeUnavailable(accept);
}
