/** A body that each writing route accepts as far as its shape goes; what it names is not there. */
const goodBodies: Readonly<Record<string, Record<string, unknown>>> = {
  'POST /api/auth/register-organization': {
    organization_name: 'Mass Assignment',
    admin_email: 'mass@example.com',
    admin_password: 'correct horse 7 battery',
  },
  'POST /api/auth/login': { email: 'nobody@example.com', password: 'correct horse 7 battery' },
  'POST /api/auth/refresh': { refresh_token: 'x'.repeat(43) },
  'POST /api/auth/logout': { refresh_token: 'x'.repeat(43) },
  'PATCH /api/me': { name: 'Mallory' },
  'POST /api/me/change-password': {
    current_password: 'not this one 7 times',
    new_password: 'nor this one 8 times',
  },
  'PATCH /api/tenant': { name: 'Mallory' },
  'POST /api/tenant/users': {
    email: 'mass@example.com',
    password: 'correct horse 7 battery',
    role: 'USER',
  },
  'PATCH /api/tenant/users/:id': { role: 'USER' },
  'POST /api/admin/tenants': {
    organization_name: 'Mass Assignment',
    admin_email: 'mass@example.com',
    admin_password: 'correct horse 7 battery',
  },
  'POST /api/admin/tenants/bulk': { tenants: [{}] },
  'PATCH /api/admin/tenants/:id': { name: 'Mallory' },
  'POST /api/admin/keys': { name: 'mass assignment', scope: 'read' },
  'POST /api/admin/servers': {
    name: 'mass-assignment',
    host: '192.0.2.1',
    admin_user: 'postgres',
    admin_password: 'correct horse 7 battery',
  },
  'PATCH /api/admin/servers/:id': { weight: 1 },
  'POST /api/admin/templates': { key: 'mass-assignment', source_database: 'nowhere' },
  'POST /api/admin/reconcile/apply': { depth: 'catalog' },
  'POST /api/admin/reconcile/drop-quarantined': { name: 'nothing' },
  'POST /api/admin/reconcile/release-quarantined': { name: 'nothing' },
};

const reason = { reason: 'Because' };

/** Routes about which nothing is written above take a reason, or read no body. */
export const goodBodyOf = (name: string): Record<string, unknown> => goodBodies[name] ?? reason;
