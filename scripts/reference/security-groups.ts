export type SecurityGroup = {
  id: string;
  title: string;
  /** Chapters, and sections where they are meant alone. */
  asvs: readonly string[];
  /** Entries of the API Security Top 10 of 2023. */
  api: readonly string[];
  /** Tests of the same thing in their own rooms. */
  also: readonly string[];
  text: string;
};

/** What is proven, by group; the cases are read from the tests themselves. */
export const securityGroups: readonly SecurityGroup[] = [
  {
    id: 'S1',
    title: 'Access tokens',
    asvs: ['V9', 'V7'],
    api: ['API2'],
    also: ['test/identity/access-token-attacks.test.ts', 'test/identity/refresh.test.ts'],
    text: 'Each forged token is tried at a writing route. All refusals are the same document with status 401.',
  },
  {
    id: 'S2',
    title: 'The admin key',
    asvs: ['V6', 'V13'],
    api: ['API2', 'API5'],
    also: ['test/http/access.test.ts'],
    text: 'Each is tried at the suspension of a tenant.',
  },
  {
    id: 'S3',
    title: 'Confusion of tenants',
    asvs: ['V8.4.1'],
    api: ['API1'],
    also: ['test/http/data-tenants.test.ts', 'test/routing/session-traces.test.ts'],
    text: 'The token alone says whose data it is. With `test/http/data-tenants.test.ts`, 10,000 more interleaved requests of 20 tenants read and write rows of their databases.',
  },
  {
    id: 'S4',
    title: 'Access to every route',
    asvs: ['V8'],
    api: ['API1', 'API5'],
    also: ['test/http/access.test.ts', 'test/http/tenant-members.test.ts'],
    text: 'Made from the live table of routes: a new route is covered at its first start, and one without a policy fails it.',
  },
  {
    id: 'S5',
    title: 'Mass assignment',
    asvs: ['V15', 'V2'],
    api: ['API3'],
    also: ['test/http/app.test.ts'],
    text: 'Made from the live table of routes: every case is tried at every writing route. What a route does not know is refused, never dropped silently.',
  },
  {
    id: 'S6',
    title: 'Injection',
    asvs: ['V1.2'],
    api: ['API8'],
    also: ['test/data-api/hostile.test.ts', 'test/databases/quote.test.ts'],
    text: '45 texts at each of 25 places, 1,125 requests: each is refused or kept as it is, and the catalogs are as before.',
  },
  {
    id: 'S7',
    title: 'Addresses that lead elsewhere',
    asvs: ['V5'],
    api: ['API8'],
    also: [],
    text: 'Sent byte for byte over an open port.',
  },
  {
    id: 'S15',
    title: 'Secrets stay inside',
    asvs: ['V13.3', 'V14', 'V16'],
    api: ['API8'],
    also: ['test/databases/pg-tools.test.ts'],
    text: 'Processes of their own, PostgreSQL that logs every statement with its parameters, and a Redis that is listened to live through registration, log-in, template, provisioning, purge and failures. Every key, password and token of theirs is looked for in nine places, in the clear, in base64, hex and URLs.',
  },
  {
    id: 'S18',
    title: 'Bodies and slow clients',
    asvs: ['V4', 'V15'],
    api: ['API4'],
    also: ['test/http/server.test.ts'],
    text: 'Over an open port; after each case others are served.',
  },
  {
    id: 'S19',
    title: 'Prototypes and types',
    asvs: ['V15', 'V1'],
    api: ['API8'],
    also: ['test/http/app.test.ts'],
    text: 'Made from the live table of routes: each body is tried at every writing route.',
  },
  {
    id: 'S20',
    title: 'Caches',
    asvs: ['V8.4.1'],
    api: ['API1'],
    also: [
      'test/routing/tenant-cache.test.ts',
      'test/routing/resolving.test.ts',
      'test/routing/shared-tenants.test.ts',
    ],
    text: 'The memory of tenants and of sessions, within a process.',
  },
  {
    id: 'S21',
    title: 'Encryption at rest',
    asvs: ['V11'],
    api: [],
    also: ['test/registry/sealing.test.ts'],
    text: 'AES-256-GCM; what is sealed is bound to its database and column. For each of the three kinds of keys every single bit is changed and every length is cut.',
  },
  {
    id: 'S22',
    title: 'Isolation within PostgreSQL',
    asvs: ['V8.4.1', 'V13'],
    api: ['API1'],
    also: [
      'test/hostile/isolation.test.ts',
      'test/hostile/hostile-tenant.test.ts',
      'test/hostile/sealing.test.ts',
    ],
    text: 'Pairs of a tenant’s role and an action, on a real server: the file counts them itself and demands at least 50.',
  },
  {
    id: 'S23',
    title: 'Errors',
    asvs: ['V16.5'],
    api: ['API8', 'API9'],
    also: ['test/http/app.test.ts'],
    text: 'Made from the API’s own description and its live table of routes, which are compared.',
  },
  {
    id: 'S25',
    title: 'Configuration',
    asvs: ['V13', 'V3'],
    api: ['API8'],
    also: ['test/config/load-config.test.ts'],
    text: 'What stops a start in production, and what a browser is told.',
  },
];
