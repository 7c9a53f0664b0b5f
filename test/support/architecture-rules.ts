import type { SourceFacts } from './source-facts.ts';

const maxLines = 300;
const floors = ['bedrock', 'ground', 'tools', 'features', 'doors', 'roof'] as const;

/** A new room starts with a decision record, and then with its line here. */
const floorOfRoom: Record<string, (typeof floors)[number]> = {
  main: 'roof',
  http: 'doors',
  jobs: 'doors',
  cli: 'doors',
  console: 'doors',
  provisioning: 'features',
  fleet: 'features',
  routing: 'features',
  identity: 'features',
  billing: 'features',
  quotas: 'features',
  'data-api': 'features',
  reconcile: 'features',
  tasks: 'features',
  registry: 'tools',
  databases: 'tools',
  queue: 'tools',
  storage: 'tools',
  mail: 'tools',
  cache: 'tools',
  embedded: 'tools',
  telemetry: 'ground',
  config: 'ground',
  errors: 'bedrock',
};

/** Every rule of ARCHITECTURE.md that can be read off the files. One sentence for each violation. */
export function findViolations(files: readonly SourceFacts[]): string[] {
  return [
    ...files.flatMap(findRoomViolations),
    ...files.flatMap(findImportViolations),
    ...files.flatMap(findSideDoors),
    ...findCycles(files),
    ...files.flatMap(findLongFile),
    ...files.flatMap(findEnvironmentReads),
  ];
}

function findRoomViolations({ path }: SourceFacts): string[] {
  if (!path.startsWith('src/')) return [];
  const room = roomOf(path);
  if (room === undefined) return [`${path} lies in no room`];
  return floorOfRoom[room] ? [] : [`${path} is in the unknown room ${room}`];
}

function findImportViolations({ path, imports }: SourceFacts): string[] {
  const from = roomOf(path);
  if (from === undefined) return [];
  return imports.flatMap((target) => {
    const to = roomOf(target);
    if (to === undefined) return [`${path} imports ${target}, which is outside the rooms of src`];
    return mayImport(from, to) ? [] : [`${path} imports ${target}: ${from} may not import ${to}`];
  });
}

/** Logs in to any tenant's database, whoever asks. Requests and jobs come there by `routing`, for a tenant by name. */
const opensTenantDatabases = 'src/databases/tenant-connection.ts';
/** Besides: what makes databases, before they are anybody's. */
const mayOpenTenantDatabases = ['src/databases/', 'src/provisioning/', 'src/routing/open-tenant-database.ts'];

function findSideDoors({ path, imports }: SourceFacts): string[] {
  if (!path.startsWith('src/') || !imports.includes(opensTenantDatabases)) return [];
  if (mayOpenTenantDatabases.some((allowed) => path.startsWith(allowed))) return [];
  return [`${path} opens tenants' databases by itself: routing does that`];
}

/** The console speaks only HTTP: it reaches no room, and no room reaches it. */
function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (from === 'console' || to === 'console') return false;
  return heightOf(from) > heightOf(to);
}

function heightOf(room: string): number {
  const floor = floorOfRoom[room];
  return floor ? floors.indexOf(floor) : Number.NaN;
}

function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** Walks every file's imports once; an import of a file that is still on the way down closes a cycle. */
function findCycles(files: readonly SourceFacts[]): string[] {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) cycles.push(`import cycle: ${[...way.slice(start), path].join(' > ')}`);
    if (start >= 0 || finished.has(path)) return;
    for (const target of importsOf.get(path) ?? []) visit(target, [...way, path]);
    finished.add(path);
  };
  for (const { path } of files) visit(path, []);
  return cycles;
}

function findLongFile({ path, lineCount }: SourceFacts): string[] {
  const isExempt = path.endsWith('.generated.ts') || path.includes('/fixtures/');
  if (isExempt || lineCount <= maxLines) return [];
  return [`${path} has ${lineCount} lines, ${maxLines} are allowed`];
}

function findEnvironmentReads({ path, environmentReads }: SourceFacts): string[] {
  if (!path.startsWith('src/') || roomOf(path) === 'config') return [];
  return environmentReads.map((line) => `${path}:${line} reads process.env, which only src/config may`);
}
