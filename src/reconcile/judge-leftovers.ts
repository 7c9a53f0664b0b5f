import type { ListedDatabase, ListedRole } from '../databases/inventory.ts';
import type { Found, RepairAction } from './finding.ts';
import type { ServerObjects } from './judge-stock.ts';
import { isOurRole, platformPrefix, templatePrefix } from './our-names.ts';
import type { Ownership } from './reconcile-needs.ts';

export type Leftovers = {
  objects: ServerObjects;
  named: { databases: ReadonlySet<string>; roles: ReadonlySet<string> };
  /** Databases that hold objects of this installation's neutral owner. */
  holdingOurs: ReadonlySet<string>;
  server: { id: string; name: string };
  ownership: Ownership;
};

/** What has the platform's names on a server and is named by no row. */
export function judgeLeftovers(facts: Leftovers): Found[] {
  const { objects, named } = facts;
  const databases = [...objects.databases.values()].filter(({ name }) => !named.databases.has(name));
  const roles = [...objects.roles.values()].filter(({ name }) => !named.roles.has(name));
  return [
    ...databases.map((database) => judgeDatabase(facts, database)),
    ...roles.map((role) => judgeRole(facts, role)),
  ];
}

type Fault = Pick<Found, 'kind' | 'detail'> & { action?: RepairAction };

function toFound({ server }: Leftovers, thing: { name: string; sessions: number }, fault: Fault): Found {
  return {
    ...fault,
    server: server.name,
    subject: thing.name,
    ...(thing.sessions > 0 && { isInUse: true as const }),
    target: { of: 'object', serverId: server.id, name: thing.name },
  };
}

function judgeDatabase(facts: Leftovers, database: ListedDatabase): Found {
  const { name, isInvalid, sessions } = database;
  const use = sessions > 0 ? ` ${sessions} sessions are in it.` : '';
  const fault = (): Fault => {
    if (!isOurs(facts, database)) {
      const detail = `The database ${name} bears a name of this installation, and nothing shows that the platform made it. It is left alone: rename or remove it if it is not needed.`;
      return { kind: 'database_foreign', detail };
    }
    if (isInvalid) {
      const detail = `An interrupted DROP DATABASE left half of ${name}, which no row names.`;
      return { kind: 'database_half_dropped', detail, action: 'drop_half_dropped' };
    }
    const isTemplate = name.startsWith(templatePrefix(facts.ownership));
    const detail = `The platform made the database ${name}, and no row names it.${use}`;
    return { kind: 'database_orphaned', detail, action: isTemplate ? 'drop_template' : 'quarantine' };
  };
  return toFound(facts, database, fault());
}

/** By the installation's id in its name, by rights of the installation's roles, or by whose objects are in it. */
function isOurs(
  { holdingOurs, ownership }: Pick<Leftovers, 'holdingOurs' | 'ownership'>,
  database: ListedDatabase,
): boolean {
  if (database.isOfSystem) return false;
  return (
    database.name.startsWith(platformPrefix(ownership)) ||
    database.grantees.some((role) => isOurRole(role, ownership)) ||
    holdingOurs.has(database.name)
  );
}

function judgeRole(facts: Leftovers, role: ListedRole): Found {
  const { name, isPowerful, sessions } = role;
  const use = sessions > 0 ? ` ${sessions} sessions are logged in as it.` : '';
  const fault: Fault = isPowerful
    ? {
        kind: 'role_foreign',
        detail: `The role ${name} bears a name of this installation and has rights that the platform never gives, so that somebody else made it. It is left alone.${use}`,
      }
    : {
        kind: 'role_orphaned',
        detail: `The role ${name} was made by this installation, and no row names it.${use}`,
        action: 'drop_role',
      };
  return toFound(facts, role, fault);
}
