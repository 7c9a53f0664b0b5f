import type pg from 'pg';
import { madeAfterInitdb, ofUsers } from './fingerprint-context.ts';
import { quoteIdentifier } from './quote.ts';

/** FOR ALL TABLES and FOR TABLES IN SCHEMA: the server wants a superuser as the owner. */
function ownedBySuperuserOnly(major: number): string {
  const ofSchemas = 'EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = o.oid)';
  return major >= 15 ? `(o.puballtables OR ${ofSchemas})` : 'o.puballtables';
}

/**
 * Gives what only the platform could make to the neutral owner: a foreign table needs its server at once, and
 * nothing outside of extensions is to stay a superuser's. Wrappers cannot belong to anybody else.
 */
export async function giveToOwner(platform: pg.Client, owner: string, major: number): Promise<void> {
  const { rows } = await platform.query<{ object: string }>(
    `SELECT x.object FROM (
       SELECT format('OPERATOR FAMILY %I.%I USING %I', n.nspname, o.opfname, m.amname), o.opfowner FROM pg_opfamily o
         JOIN pg_namespace n ON n.oid = o.opfnamespace JOIN pg_am m ON m.oid = o.opfmethod WHERE ${ofUsers('pg_opfamily', 'o')}
       UNION ALL
       SELECT format('OPERATOR CLASS %I.%I USING %I', n.nspname, o.opcname, m.amname), o.opcowner FROM pg_opclass o
         JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am m ON m.oid = o.opcmethod WHERE ${ofUsers('pg_opclass', 'o')}
       UNION ALL
       SELECT format('SERVER %I', o.srvname), o.srvowner FROM pg_foreign_server o
        WHERE ${madeAfterInitdb('pg_foreign_server', 'o')}
       UNION ALL
       SELECT format('PUBLICATION %I', o.pubname), o.pubowner FROM pg_publication o
        WHERE ${madeAfterInitdb('pg_publication', 'o')} AND NOT ${ownedBySuperuserOnly(major)}
     ) x(object, owner)
     WHERE pg_get_userbyid(x.owner) <> $1`,
    [owner],
  );
  for (const { object } of rows) await platform.query(`ALTER ${object} OWNER TO ${quoteIdentifier(owner)}`);
}
