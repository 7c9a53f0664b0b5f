import { assertIdentifierFits, newNamePart } from '../databases/database-name.ts';
import type { NeutralRoles, TenantDatabaseNames } from '../databases/database-server.ts';

const longestIdentifier = 63;

export type NamingRule = {
  /** Six characters of the installation. */
  installationId: string;
  databasePrefix: string;
  /** `slug` shows customers' words to every tenant of the server. */
  style: 'opaque' | 'slug';
};

export type Naming = ReturnType<typeof createNaming>;

/** The names of everything that this installation makes on a server. */
export function createNaming({ installationId, databasePrefix, style }: NamingRule) {
  const neutral: NeutralRoles = {
    owner: `tm_${installationId}_owner`,
    application: `tm_${installationId}_app`,
  };

  const opaqueName = (id: string) => `${databasePrefix}${id}`;
  const nameWithSlug = (slug: string, id: string) => withSlug(databasePrefix, slug, id.slice(0, 8));

  function withRoles(id: string, database: string): TenantDatabaseNames {
    const names = {
      database,
      migratorRole: `m_${installationId}_${id}`,
      applicationRole: `a_${installationId}_${id}`,
    };
    Object.values(names).forEach(assertIdentifierFits);
    return names;
  }

  return {
    neutral,

    /** Random, so that no name is ever used twice. */
    newTenantNames(slug: string): TenantDatabaseNames {
      const id = newNamePart();
      return withRoles(id, style === 'opaque' ? opaqueName(id) : nameWithSlug(slug, id));
    },

    /** For a database that has no tenant yet. */
    newWarmNames(): TenantDatabaseNames {
      const id = newNamePart();
      return withRoles(id, opaqueName(id));
    },

    /** What the claimed database of that name is to be called. */
    nameOfClaimed(database: string, slug: string): string {
      return style === 'opaque' ? database : nameWithSlug(slug, newNamePart());
    },

    newTemplateNames() {
      const id = newNamePart();
      return {
        database: `tm_${installationId}_template_${id}`,
        builderRole: `tm_${installationId}_builder_${id}`,
      };
    },
  };
}

function withSlug(prefix: string, slug: string, end: string): string {
  const room = longestIdentifier - Buffer.byteLength(prefix) - end.length - 1;
  return `${prefix}${slug.replaceAll('-', '_').slice(0, room)}_${end}`;
}
