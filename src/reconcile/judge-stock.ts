import type { ListedDatabase, ListedRole } from '../databases/inventory.ts';
import type { NamedStock } from '../registry/repositories/named-objects.ts';
import type { Found } from './finding.ts';
import { expectedApplication, expectedMigrator, loginRoleFaults } from './judge-login-role.ts';
import { intrudersOf } from './judge-tenant.ts';
import { isOurRole } from './our-names.ts';
import type { Ownership } from './reconcile-needs.ts';

/** What a server has, by name. */
export type ServerObjects = {
  databases: ReadonlyMap<string, ListedDatabase>;
  roles: ReadonlyMap<string, ListedRole>;
};

type Server = { id: string; name: string };
type StockCase = { stock: NamedStock; objects: ServerObjects; server: Server; ownership: Ownership };

/** What is wrong with warm databases, template copies and what is in quarantine. What is under way is left alone. */
export function judgeStock(facts: StockCase): Found[] {
  return [...judgeWarm(facts), ...judgeCopies(facts), ...judgeQuarantine(facts)];
}

function judgeWarm({ stock, objects, server, ownership }: StockCase): Found[] {
  return stock.warm
    .filter(({ status }) => status === 'ready')
    .flatMap((warm) => {
      const why = warmFault(warm, objects, ownership);
      if (why === undefined) return [];
      return [
        {
          kind: 'warm_database_broken' as const,
          server: server.name,
          subject: warm.databaseName,
          detail: `The warm database ${warm.databaseName} could not be given to a tenant: ${why}.`,
          action: 'retire_warm' as const,
          target: { of: 'warm' as const, serverId: server.id, id: warm.id },
        },
      ];
    });
}

/** Whoever claims it makes it a tenant's as it is. */
function warmFault(
  warm: NamedStock['warm'][number],
  { databases, roles }: ServerObjects,
  ownership: Ownership,
): string | undefined {
  const { databaseName, migratorRole, applicationRole } = warm;
  const database = databases.get(databaseName);
  if (database === undefined) return 'it does not exist';
  const [fault] = [
    ...sealFaults(database, ownership),
    ...rightsFaults(database, warm, ownership),
    ...loginRoleFaults(roles.get(migratorRole), expectedMigrator(migratorRole, ownership))
      .concat(loginRoleFaults(roles.get(applicationRole), expectedApplication(applicationRole, ownership)))
      // A limit that was changed in the configuration is set once it is a tenant's.
      .filter(({ kind }) => kind !== 'connection_limit_differs')
      .map(({ detail }) => detail),
  ];
  return fault;
}

function sealFaults(database: ListedDatabase, ownership: Ownership): string[] {
  return [
    ...(database.isInvalid ? ['an interrupted DROP left half of it'] : []),
    ...(database.allowsConnections ? [] : ['it allows no connections']),
    ...(database.isOpenToPublic ? ['PUBLIC has rights on it'] : []),
    ...(database.isTemplate ? ['it is marked as a template'] : []),
    ...(isOurRole(database.owner, ownership) ? [`it belongs to ${database.owner}`] : []),
  ];
}

function rightsFaults(
  database: ListedDatabase,
  warm: NamedStock['warm'][number],
  ownership: Ownership,
): string[] {
  const own = [warm.migratorRole, warm.applicationRole, ownership.neutral.owner];
  const intruders = intrudersOf(database, warm, ownership);
  const missing = own.filter((role) => !database.grantees.includes(role));
  return [
    ...(intruders.length > 0 ? [`roles of tenants have rights on it: ${intruders.join(', ')}`] : []),
    ...(missing.length > 0 ? [`it gives no right to ${missing.join(', ')}`] : []),
  ];
}

function judgeCopies({ stock, objects, server }: StockCase): Found[] {
  return stock.copies
    .filter(({ status }) => status === 'ready')
    .flatMap(({ id, databaseName: name }) => {
      const why = templateFault(objects.databases.get(name));
      if (why === undefined) return [];
      return [
        {
          kind: 'template_lost' as const,
          server: server.name,
          subject: name,
          detail: `The template ${name} cannot be cloned any more: ${why}.`,
          action: 'lose_template' as const,
          target: { of: 'copy' as const, serverId: server.id, id, name },
        },
      ];
    });
}

function templateFault(database: ListedDatabase | undefined): string | undefined {
  if (database === undefined) return 'it does not exist';
  if (database.isInvalid) return 'an interrupted DROP left half of it';
  if (database.allowsConnections) return 'somebody opened it, so that it may not be what it was';
  if (!database.isTemplate) return 'it is not marked as a template';
  return undefined;
}

function judgeQuarantine({ stock, objects, server }: StockCase): Found[] {
  return stock.quarantined.flatMap(({ id, name, isNamed, isReleased }): Found[] => {
    const database = objects.databases.get(name);
    const about = {
      server: server.name,
      subject: name,
      target: { of: 'quarantine', serverId: server.id, id, name },
    } as const;
    // Whoever is named owns it; what it must be like is judged there, and never twice.
    if (isNamed) {
      const detail = `The database ${name} was in quarantine, and a row of the registry names it by now.`;
      return [{ ...about, kind: 'quarantined_named', detail, action: 'forget_quarantined' }];
    }
    if (database === undefined) {
      const detail = `The database ${name} was in quarantine and is gone.`;
      return [{ ...about, kind: 'quarantined_gone', detail, action: 'forget_quarantined' }];
    }
    if (isReleased || !database.allowsConnections || database.isInvalid) return [];
    const { sessions } = database;
    const use = sessions > 0 ? ` ${sessions} sessions are in it.` : '';
    const detail = `The database ${name} is in quarantine, and somebody has opened it.${use}`;
    const isInUse = sessions > 0 && { isInUse: true as const };
    return [{ ...about, ...isInUse, kind: 'quarantined_open', detail, action: 'close_again' }];
  });
}
