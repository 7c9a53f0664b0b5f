import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Access } from '../caller.ts';
import { errorPage } from '../error-page.ts';
import { problemType } from '../problem.ts';

/** The API's description at /openapi.json, readable at /docs, both without anything from elsewhere. */
export async function describeApi(app: FastifyInstance, publicUrl: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'tenant-manager',
        version: '1',
        description: 'Gives every customer organization its own PostgreSQL database.',
      },
      servers: [{ url: publicUrl }],
      components: { securitySchemes },
    },
    transform: (route) => describeRoute(jsonSchemaTransform(route), route.route),
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // The page's own script draws with inline styles.
    staticCSP: pagePolicy,
    uiConfig: { url: '/openapi.json', persistAuthorization: false, validatorUrl: null },
  });
  addDescriptionRoutes(app);
}

const pagePolicy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

function addDescriptionRoutes(app: FastifyInstance): void {
  const options = { config: { access: 'anyone' }, schema: { hide: true } } as const;
  app.get('/openapi.json', options, async () => app.swagger());
  app.get('/docs/errors', options, async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(errorPage()),
  );
}

const securitySchemes = {
  accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  adminKey: { type: 'apiKey', in: 'header', name: 'X-Admin-Key' },
} as const;

const operatorSecurity = [{ adminKey: [] }, { accessToken: [] }] as const;

const securityOf: Record<Access, readonly Record<string, readonly string[]>[]> = {
  anyone: [],
  member: [{ accessToken: [] }],
  'tenant-member': [{ accessToken: [] }],
  'tenant-admin': [{ accessToken: [] }],
  'operator-read': operatorSecurity,
  operator: operatorSecurity,
  'operator-owner': operatorSecurity,
};

type Described = { schema: FastifySchema; url: string };

/** Adds what the schemas of a route do not say: who may call it, and how errors look. */
function describeRoute({ schema = {}, url }: Described, route: RouteOptions): Described {
  const access = route.config?.access ?? 'operator-owner';
  const response = { ...Object(schema.response), default: problemResponse };
  return { schema: { ...schema, response, security: securityOf[access] } as FastifySchema, url };
}

const problemResponse = {
  description: 'A problem document (RFC 9457). Every code is explained at /docs/errors.',
  content: {
    [problemType]: {
      schema: z.toJSONSchema(
        z.object({
          type: z.url(),
          title: z.string(),
          status: z.int(),
          detail: z.string(),
          instance: z.string(),
          success: z.literal(false),
          code: z.string(),
          request_id: z.string(),
          errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
        }),
      ),
    },
  },
};
