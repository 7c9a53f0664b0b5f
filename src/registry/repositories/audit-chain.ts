import { sql } from 'kysely';
import type { RegistryDatabase, RegistryExecutor, RegistryTransaction } from '../registry-database.ts';

/** The keyed digest of a text, with which nobody can come up who has the database alone. */
export type Digest = (text: string) => Buffer;

export type SealPortion = { digest: Digest; limit: number };

const before = Buffer.alloc(0);

/** One process seals at a time; the lock goes with its transaction. */
const takeTurn = sql<{ isMine: boolean }>`
  SELECT pg_try_advisory_xact_lock(hashtextextended('tenant-manager audit chain', 0)) AS is_mine`;

/** The whole row, written in one way only. */
const rowText = sql<string>`jsonb_build_array(
  a.id, (extract(epoch FROM a.at) * 1000000)::bigint, a.actor_kind, a.actor_id, a.action, a.tenant_id,
  a.before, a.after, a.request_id)::text`;

const link = (digest: Digest, previous: Buffer, row: string): Buffer =>
  digest(`audit row\n${previous.toString('hex')}\n${row}`);

const proofOf = (digest: Digest, position: number, hash: Buffer): Buffer =>
  digest(`audit head\n${position}\n${hash.toString('hex')}`);

/**
 * Makes committed rows part of the chain, in the order of their ids as far as they are there.
 * @returns how many; 0 as well while another process is at it.
 */
export async function sealAuditRows(registry: RegistryDatabase, portion: SealPortion): Promise<number> {
  return registry.transaction().execute(async (trx) => {
    const { rows } = await takeTurn.execute(trx);
    return rows[0]?.isMine === true ? sealPortion(trx, portion) : 0;
  });
}

async function sealPortion(trx: RegistryTransaction, { digest, limit }: SealPortion): Promise<number> {
  const unsealed = await trx
    .selectFrom('auditUnsealed as u')
    .innerJoin('auditLog as a', 'a.id', 'u.auditId')
    .select(['u.auditId', rowText.as('row')])
    .orderBy('u.auditId')
    .limit(limit)
    .execute();
  if (unsealed.length === 0) return 0;
  const head = await readLast(trx);
  let { position, hash } = head ?? { position: 0, hash: before };
  const links = unsealed.map(({ auditId, row }) => {
    position += 1;
    hash = link(digest, hash, row);
    return { position, auditId, hash };
  });
  await trx.insertInto('auditChain').values(links).execute();
  await trx
    .deleteFrom('auditUnsealed')
    .where(
      'auditId',
      'in',
      links.map(({ auditId }) => auditId),
    )
    .execute();
  const end = { position, proof: proofOf(digest, position, hash) };
  await trx
    .insertInto('auditHead')
    .values(end)
    .onConflict((conflict) => conflict.column('onlyRow').doUpdateSet(end))
    .execute();
  return links.length;
}

function readLast(executor: RegistryExecutor) {
  return executor
    .selectFrom('auditChain')
    .select(['position', 'hash'])
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** The first thing that is not as it was sealed. */
export type BrokenLink = {
  kind: 'altered' | 'removed' | 'chain_gap' | 'cut_off' | 'smuggled_in';
  position: number | null;
  auditId: number | null;
};

export type ChainState = {
  /** Rows that are in the chain. */
  sealed: number;
  /** First digits of the last hash: to be compared with what was noted elsewhere. */
  head: string;
  broken: BrokenLink | undefined;
  /** Rows that wait to be sealed, and for how long the oldest of them has. */
  waiting: number;
  waitingMs: number;
};

const pageSize = 2_000;
const headDigits = 16;

/** Works the whole chain out again, from its first row. */
export async function verifyAuditChain(registry: RegistryDatabase, digest: Digest): Promise<ChainState> {
  // One snapshot for all of it: rows are sealed meanwhile.
  return registry
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const walked = await walk(trx, digest);
      const broken = walked.broken ?? (await checkHead(trx, digest, walked)) ?? (await findSmuggled(trx));
      const head = walked.hash.toString('hex').slice(0, headDigits);
      return { sealed: walked.position, head, broken, ...(await readWaiting(trx)) };
    });
}

type Walked = { position: number; hash: Buffer; broken?: BrokenLink };

async function walk(trx: RegistryTransaction, digest: Digest): Promise<Walked> {
  let position = 0;
  let hash: Buffer = before;
  for (;;) {
    const page = await readPage(trx, position);
    for (const each of page) {
      const at = { position: each.position, auditId: each.auditId };
      const broken = (kind: BrokenLink['kind']): Walked => ({ position, hash, broken: { kind, ...at } });
      if (each.position !== position + 1) return broken('chain_gap');
      if (each.row === null) return broken('removed');
      const expected = link(digest, hash, each.row);
      if (!expected.equals(each.hash)) return broken('altered');
      [position, hash] = [each.position, expected];
    }
    if (page.length < pageSize) return { position, hash };
  }
}

function readPage(trx: RegistryTransaction, after: number) {
  return trx
    .selectFrom('auditChain as c')
    .leftJoin('auditLog as a', 'a.id', 'c.auditId')
    .select(['c.position', 'c.auditId', 'c.hash'])
    .select(sql<string | null>`CASE WHEN a.id IS NOT NULL THEN ${rowText} END`.as('row'))
    .where('c.position', '>', after)
    .orderBy('c.position')
    .limit(pageSize)
    .execute();
}

async function checkHead(
  trx: RegistryTransaction,
  digest: Digest,
  { position, hash }: Walked,
): Promise<BrokenLink | undefined> {
  const head = await trx.selectFrom('auditHead').select(['position', 'proof']).executeTakeFirst();
  const isRight =
    head === undefined
      ? position === 0
      : head.position === position && head.proof.equals(proofOf(digest, position, hash));
  return isRight ? undefined : { kind: 'cut_off', position: position + 1, auditId: null };
}

/** Rows that got there past the trigger, and such as were taken away before they were sealed. */
async function findSmuggled(trx: RegistryTransaction): Promise<BrokenLink | undefined> {
  const { rows } = await sql<{ auditId: number; isThere: boolean }>`
    (SELECT a.id AS audit_id, true AS is_there FROM audit_log a
      WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = a.id)
        AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.audit_id = a.id)
      ORDER BY a.id LIMIT 1)
    UNION ALL
    (SELECT u.audit_id, false FROM audit_unsealed u
      WHERE NOT EXISTS (SELECT FROM audit_log a WHERE a.id = u.audit_id)
      ORDER BY u.audit_id LIMIT 1)`.execute(trx);
  const [first] = rows;
  if (first === undefined) return undefined;
  return { kind: first.isThere ? 'smuggled_in' : 'removed', position: null, auditId: first.auditId };
}

async function readWaiting(trx: RegistryTransaction) {
  return trx
    .selectFrom('auditUnsealed as u')
    .innerJoin('auditLog as a', 'a.id', 'u.auditId')
    .select(sql<number>`count(*)::int`.as('waiting'))
    .select(
      sql<number>`coalesce(extract(epoch FROM clock_timestamp() - min(a.at)) * 1000, 0)::float8`.as(
        'waitingMs',
      ),
    )
    .executeTakeFirstOrThrow();
}
