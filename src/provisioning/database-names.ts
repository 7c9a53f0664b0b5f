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

  return {
    neutral,

    /** Random, so that no name is ever used twice. */
    newTenantNames(slug: string): TenantDatabaseNames {
      const id = newNamePart();
      const names = {
        database:
          style === 'opaque' ? `${databasePrefix}${id}` : withSlug(databasePrefix, slug, id.slice(0, 8)),
        migratorRole: `m_${installationId}_${id}`,
        applicationRole: `a_${installationId}_${id}`,
      };
      Object.values(names).forEach(assertIdentifierFits);
      return names;
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
