import type pg from 'pg';
import type { NotCarried } from './source-leftovers.ts';
import type { SourceExtension } from './source-objects.ts';

/** An object that belongs to an extension, as `function public.f(integer)`. */
export type ExtensionMember = { readonly extension: string; readonly object: string };

export async function readExtensionMembers(client: pg.Client): Promise<ExtensionMember[]> {
  const { rows } = await client.query<ExtensionMember>(
    `SELECT x.extname::text AS extension, concat_ws(' ', i.type, i.identity) AS object
       FROM pg_depend d JOIN pg_extension x ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid,
            pg_identify_object(d.classid, d.objid, d.objsubid) i
      WHERE d.deptype = 'e' ORDER BY 1, 2`,
  );
  return rows;
}

/**
 * What ALTER EXTENSION … ADD joined to an extension: it is in no dump, and the extension's script does not make it.
 * To be asked right after the extensions were made. Of one in another version nothing can be said.
 */
export async function findJoinedByHand(
  platform: pg.Client,
  members: readonly ExtensionMember[],
  extensions: readonly SourceExtension[],
): Promise<NotCarried[]> {
  const { rows } = await platform.query<{ name: string; version: string }>(
    'SELECT extname::text AS name, extversion AS version FROM pg_extension',
  );
  const isSame = ({ name, version }: SourceExtension) =>
    rows.some((found) => found.name === name && found.version === version);
  const same = new Set(extensions.filter(isSame).map(({ name }) => name));
  const made = new Set((await readExtensionMembers(platform)).map(keyOf));
  return members
    .filter((member) => same.has(member.extension) && !made.has(keyOf(member)))
    .map(({ extension, object }) => ({
      kind: 'extension member',
      name: object,
      why: `it was added to the extension "${extension}" by hand, and no dump has what belongs to one`,
    }));
}

const keyOf = ({ extension, object }: ExtensionMember) => JSON.stringify([extension, object]);
