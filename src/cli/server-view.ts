import { type Look, paintStatus } from './look.ts';
import { readableInstant, readableNumber, readableSize } from './readable.ts';
import { type Field, renderRecord } from './record.ts';
import type { Server } from './server-api.ts';
import { type Column, renderTable } from './table.ts';

const stateOf = ({ status, trouble }: Server): string =>
  status === 'unchecked' && trouble ? trouble.code : status;

const share = (used: number, of: number): string => `${readableNumber(used)} of ${readableNumber(of)}`;

/** Servers as a list. */
export function renderServers(servers: readonly Server[], look: Look): string {
  const columns: Column<Server>[] = [
    { head: 'NAME', value: ({ name }) => name, shrinksTo: 8 },
    { head: 'STATUS', value: stateOf, paint: (text, row) => paintState(look, text, row) },
    { head: 'ADDRESS', value: ({ host, port }) => `${host}:${port}`, shrinksTo: 10, expendable: 2 },
    { head: 'REGION', value: ({ region }) => region, shrinksTo: 6, expendable: 5 },
    { head: 'VERSION', value: ({ version }) => version ?? '-', expendable: 4 },
    { head: 'TENANTS', value: ({ tenants }) => readableNumber(tenants), align: 'right' },
    { head: 'WARM', value: ({ warm }) => readableNumber(warm), align: 'right', expendable: 6 },
    {
      head: 'CAPACITY',
      value: (row) => readableNumber(row.capacity_databases),
      align: 'right',
      expendable: 3,
    },
    {
      head: 'CONNECTIONS',
      value: ({ budget }) => (budget ? share(budget.allowed, budget.total) : '-'),
      align: 'right',
      expendable: 1,
    },
  ];
  return renderTable(servers, columns, look);
}

/** One server, with where its budget of connections comes from. */
export function renderServer(server: Server, look: Look): string {
  return renderRecord(server.name, fieldsOf(server, look), look);
}

function paintState(look: Look, text: string, { status, trouble }: Server): string {
  return trouble ? look.paint('red', text) : paintStatus(look, text, status);
}

function fieldsOf(server: Server, look: Look): Field[] {
  const { budget, trouble } = server;
  const size = server.used_bytes ?? undefined;
  const most = server.capacity_bytes;
  return [
    { label: 'status', value: server.status, paint: (text) => paintState(look, text, server) },
    { label: 'trouble', value: trouble ? `${trouble.message} (${trouble.code})` : undefined },
    { label: 'address', value: `${server.host}:${server.port}` },
    { label: 'TLS', value: server.tls ?? undefined },
    { label: 'login', value: server.is_from_environment ? 'from the workers’ environment' : 'sealed' },
    { label: 'region', value: server.region },
    { label: 'version', value: server.version ?? undefined },
    { label: 'tested', value: server.checked_at ? readableInstant(server.checked_at) : undefined },
    { label: 'weight', value: readableNumber(server.weight) },
    { label: 'databases', value: share(server.tenants + server.warm, server.capacity_databases) },
    { label: 'of tenants', value: readableNumber(server.tenants) },
    { label: 'warm', value: readableNumber(server.warm) },
    { label: 'templates', value: server.template_copies?.toString() },
    { label: 'in quarantine', value: server.quarantined ? readableNumber(server.quarantined) : undefined },
    {
      label: 'size',
      value:
        size === undefined
          ? undefined
          : `${readableSize(size)}${typeof most === 'number' ? ` of ${readableSize(most)}` : ''}`,
    },
    {
      label: 'connections',
      value: budget
        ? `tenants may have ${readableNumber(budget.total)}; processes have ${readableNumber(budget.allowed)} of them (${budget.explanation})`
        : undefined,
    },
    { label: 'looked at', value: budget?.looked_at ? readableInstant(budget.looked_at) : undefined },
    { label: 'added', value: server.created_at ? readableInstant(server.created_at) : undefined },
    { label: 'id', value: server.id },
  ];
}
