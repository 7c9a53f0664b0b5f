import type { Tenant } from './admin-api.ts';
import { type Look, paintStatus } from './look.ts';
import { readableAge, readableInstant, readableNumber, readableSize } from './readable.ts';
import { type Field, renderRecord } from './record.ts';
import { type Column, renderTable } from './table.ts';

type View = { look: Look; now: Date };

/** Tenants as a list. */
export function renderTenants(tenants: readonly Tenant[], view: View): string {
  return renderTable(tenants, columns(view), view.look);
}

function columns({ look, now }: View): Column<Tenant>[] {
  const time = (text: string) => (look.isTerminal ? readableAge(text, now) : readableInstant(text));
  return [
    { head: 'SLUG', value: ({ slug }) => slug, shrinksTo: 12 },
    { head: 'NAME', value: ({ name }) => name, shrinksTo: 10, expendable: 1 },
    {
      head: 'STATUS',
      value: ({ status }) => status,
      paint: (text, { status }) => paintStatus(look, text, status),
    },
    { head: 'PLAN', value: ({ plan }) => plan ?? '-', expendable: 4 },
    {
      head: 'USERS',
      value: ({ users }) => (typeof users === 'number' ? readableNumber(users) : '-'),
      align: 'right',
      expendable: 5,
    },
    {
      head: 'SIZE',
      value: ({ database_size_bytes: size }) => (typeof size === 'number' ? readableSize(size) : '-'),
      align: 'right',
      expendable: 3,
    },
    {
      head: 'CREATED',
      value: ({ created_at: at }) => (typeof at === 'string' ? time(at) : '-'),
      expendable: 2,
    },
  ];
}

/** In this order; everything else that the API tells follows. */
const known = [
  'slug',
  'id',
  'status',
  'status_reason',
  'needs_attention',
  'plan',
  'users',
  'region',
  'mode',
  'server',
  'database_name',
  'database_size_bytes',
  'schema_version',
  'created_at',
  'last_activity_at',
];

/** Says the same as another member, or stands in the heading. */
const unsaid = new Set(['name', 'tenant_key', 'work']);

/** One tenant with all that is known about it. */
export function renderTenant(tenant: Tenant, view: View): string {
  const others = Object.keys(tenant).filter((key) => !known.includes(key) && !unsaid.has(key));
  const fields = [...known, ...others].map((key) => field(key, tenant[key], view));
  const record = renderRecord(tenant.name, fields, view.look);
  return tenant.work ? `${record}\n${renderWork(tenant.work, view)}` : record;
}

/** What is being done with it, and what it waits for. */
function renderWork(work: NonNullable<Tenant['work']>, view: View): string {
  const { kind, is_being_cancelled: isCancelled, error, next_attempt_at: nextAt } = work;
  const doing = kind === 'tenant.purge' ? 'being destroyed' : 'being made';
  const waits = error ? `${error.message} (${error.code})` : undefined;
  const fields: Field[] = [
    { label: 'what', value: isCancelled ? 'being cancelled: everything is taken back' : doing },
    { label: 'step', value: work.current_step?.replaceAll('-', ' ') },
    { label: 'progress', value: `${work.progress} %` },
    { label: 'attempts', value: readableNumber(work.attempts) },
    { label: 'waits for', value: waits },
    { label: 'tried again', value: error ? readableValue('next_attempt_at', nextAt, view) : undefined },
    { label: 'more', value: `tenant-cli jobs show ${work.job_id}` },
  ];
  return renderRecord('Under way', fields, view.look);
}

function field(key: string, value: unknown, view: View): Field {
  const label = key
    .replace(/_bytes$/, '')
    .replace(/_at$/, '')
    .replaceAll('_', ' ');
  const isStatus = key === 'status';
  return {
    label,
    value: readableValue(key, value, view),
    ...(isStatus ? { paint: (text: string) => paintStatus(view.look, text) } : {}),
  };
}

function readableValue(key: string, value: unknown, { look, now }: View): string | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  if (Array.isArray(value) && value.length === 0) return undefined;
  if (typeof value === 'number') return key.endsWith('_bytes') ? readableSize(value) : readableNumber(value);
  if (typeof value === 'boolean') return value ? 'yes' : undefined;
  if (typeof value !== 'string') return JSON.stringify(value);
  if (!isTime(key, value)) return value;
  const instant = readableInstant(value);
  return look.isTerminal ? `${instant} (${readableAge(value, now)})` : instant;
}

function isTime(key: string, value: string): boolean {
  return (key.endsWith('_at') || key.endsWith('_after')) && /^\d{4}-\d\d-\d\dT/.test(value);
}
