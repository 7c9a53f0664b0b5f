import { z } from 'zod';
import { type Ask, preference } from './ask.ts';

/** As `GET /api/admin/servers` shows it; members that this program does not know stay. */
const server = z.looseObject({
  id: z.string(),
  name: z.string(),
  host: z.string(),
  port: z.number(),
  tls: z.string().nullish(),
  region: z.string(),
  status: z.string(),
  is_from_environment: z.boolean().nullish(),
  weight: z.number(),
  capacity_databases: z.number(),
  capacity_bytes: z.number().nullish(),
  tenants: z.number(),
  warm: z.number(),
  template_copies: z.number().nullish(),
  quarantined: z.number().nullish(),
  used_bytes: z.number().nullish(),
  budget: z
    .looseObject({
      total: z.number(),
      allowed: z.number(),
      wanted: z.number(),
      explanation: z.string(),
      looked_at: z.string().nullish(),
    })
    .nullish(),
  version: z.string().nullish(),
  checked_at: z.string().nullish(),
  trouble: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
  created_at: z.string().nullish(),
});
export type Server = z.infer<typeof server>;

const added = server.extend({ job_id: z.string() });
export const checkedServer = z.looseObject({ server: z.string(), version: z.string() });
export const removedServer = z.looseObject({ server: z.string(), templates_dropped: z.number() });
const started = z.looseObject({ job_id: z.string() });

export type NewServer = {
  name: string;
  host: string;
  port: number;
  tls: { mode: string; ca?: string };
  region?: string | undefined;
  weight?: number | undefined;
  capacity_databases?: number | undefined;
  capacity_bytes?: number | undefined;
  admin_user: string;
  admin_password: string;
};
export type ServerChange = {
  status?: 'open' | 'draining';
  weight?: number | undefined;
  capacity_databases?: number | undefined;
  capacity_bytes?: number | null | undefined;
  region?: string | undefined;
};

const path = '/api/admin/servers';
const pathOf = (key: string) => `${path}/${encodeURIComponent(key)}`;

/** Database servers, each named by id or name. */
export function createServerCalls(ask: Ask) {
  return {
    listServers: () => ask({ method: 'GET', path }, z.array(server)),
    findServer: (key: string) => ask({ method: 'GET', path: pathOf(key) }, server),
    addServer: (body: NewServer) => ask({ method: 'POST', path, body }, added),
    changeServer: (key: string, body: ServerChange) =>
      ask({ method: 'PATCH', path: pathOf(key), body }, server),
    /** What was found when it ended within the wait, else the job that is at it. */
    checkServer: (key: string, waitSeconds: number) =>
      ask(
        { method: 'POST', path: `${pathOf(key)}/check`, headers: { prefer: preference(waitSeconds) } },
        z.union([checkedServer, started]),
      ),
    removeServer: (key: string, waitSeconds: number) =>
      ask(
        { method: 'DELETE', path: pathOf(key), headers: { prefer: preference(waitSeconds) } },
        z.union([removedServer, started]),
      ),
  };
}
