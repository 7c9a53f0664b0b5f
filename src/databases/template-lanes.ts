/** Who restores an entry of an archive; `eventTrigger` is the platform too, when nothing else is left to do. */
export type Lane = 'builder' | 'platform' | 'eventTrigger';

export type Run = { readonly lane: Lane; readonly entries: readonly Entry[] };

export type Entry = {
  readonly id: number;
  readonly objectOid: number;
  /** Kind, schema and name, without a separator between them: `TABLE public actor postgres`. */
  readonly label: string;
};

/** Kinds that the server lets only a superuser make. */
const PLATFORM_KINDS =
  'OPERATOR CLASS|OPERATOR FAMILY|FOREIGN DATA WRAPPER|SERVER|PUBLICATION|TEXT SEARCH (?:PARSER|TEMPLATE)';
const FOR_PLATFORM = new RegExp(
  `^(?:${PLATFORM_KINDS}) |^COMMENT .*(?:${PLATFORM_KINDS}) |^COMMENT - SCHEMA public `,
);
/** What CREATE calls a function of: the validator. */
const WRAPPER = /^(?:COMMENT - )?(?:FOREIGN DATA WRAPPER|SERVER) /;
const EVENT_TRIGGER = /^(?:COMMENT - )?EVENT TRIGGER /;
const SCHEMA = /^SCHEMA /;
/** Passwords, what the platform makes itself, and privileges, which are expressed anew. */
const LEFT_OUT =
  /^(?:COMMENT - )?(?:USER MAPPING|SUBSCRIPTION|EXTENSION|DATABASE) |^(?:DEFAULT )?ACL |^SECURITY LABEL /;

export type ArchivePlan = {
  readonly schemas: readonly Run[];
  /** Before the source's functions: one that is not an extension's is then not there to be called. */
  readonly wrappers: readonly Run[];
  /** In the archive's order. */
  readonly objects: readonly Run[];
  /** After everything else: from then on a statement of a superuser in this database may start them. */
  readonly eventTriggers: readonly Run[];
};

/** What is not to be restored: an object by its OID in the source and how a comment on it is labelled, or an entry. */
export type Excluded = { readonly oid: number; readonly label: string } | Pick<Entry, 'id'>;

/** Reads what `pg_restore --list` printed and says who restores what, and when. */
export function planRestore(list: string, excluded: readonly Excluded[]): ArchivePlan {
  const entries = list
    .split('\n')
    .map(parseEntry)
    .filter((entry) => entry !== undefined)
    .filter((entry) => !isLeftOut(entry) && !excluded.some((object) => isAbout(entry, object)));
  const eventTriggers = entries.filter(({ label }) => EVENT_TRIGGER.test(label));
  const schemas = entries.filter(({ label }) => SCHEMA.test(label));
  const wrappers = entries.filter(({ label }) => WRAPPER.test(label));
  const elsewhere = new Set([...schemas, ...wrappers, ...eventTriggers]);
  const objects = entries.filter((entry) => !elsewhere.has(entry));
  return {
    schemas: inRuns(schemas, () => 'builder'),
    wrappers: inRuns(wrappers, () => 'platform'),
    objects: inRuns(objects, laneOf),
    eventTriggers: inRuns(eventTriggers, () => 'eventTrigger'),
  };
}

/** The same runs without what is not to be restored after all. */
export function leaveOut<Kind extends Run>(runs: readonly Kind[], excluded: readonly Excluded[]): Kind[] {
  return runs
    .map((run) => ({
      ...run,
      entries: run.entries.filter((entry) => !excluded.some((object) => isAbout(entry, object))),
    }))
    .filter(({ entries }) => entries.length > 0);
}

/** Reads `215; 1259 16386 TABLE public actor postgres`; pg_restore prints no line break within a name. */
export function parseEntry(line: string): Entry | undefined {
  const match = line.match(/^(\d+); \d+ (\d+) (.+)$/);
  if (match?.[3] === undefined) return undefined;
  return { id: Number(match[1]), objectOid: Number(match[2]), label: match[3] };
}

export function isAbout({ id, objectOid, label }: Entry, excluded: Excluded): boolean {
  if ('id' in excluded) return id === excluded.id;
  return objectOid === excluded.oid || label.startsWith(`COMMENT - ${excluded.label} `);
}

export function isLeftOut({ label }: Entry): boolean {
  return LEFT_OUT.test(label);
}

/** A name that looks like a kind can at most get its own comment written by the platform. */
function laneOf({ label }: Entry): Lane {
  return FOR_PLATFORM.test(label) ? 'platform' : 'builder';
}

function inRuns(entries: readonly Entry[], lane: (entry: Entry) => Lane): Run[] {
  const runs: { lane: Lane; entries: Entry[] }[] = [];
  for (const entry of entries) {
    const last = runs.at(-1);
    if (last?.lane === lane(entry)) last.entries.push(entry);
    else runs.push({ lane: lane(entry), entries: [entry] });
  }
  return runs;
}
