import { type Selectable, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { Heartbeats } from '../tables.generated.ts';

export type Heart = { name: string; holder: string };

/** From now on `holder` is the one who is alive under that name. */
export async function startBeating(executor: RegistryExecutor, { name, holder }: Heart): Promise<void> {
  const beatAt = sql<Date>`now()`;
  await executor
    .insertInto('heartbeats')
    .values({ name, holder, beatAt })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ holder, beatAt }))
    .execute();
}

/** @returns whether the name is still this holder's. */
export async function beatOn(executor: RegistryExecutor, { name, holder }: Heart): Promise<boolean> {
  const beaten = await executor
    .updateTable('heartbeats')
    .set({ beatAt: sql<Date>`now()` })
    .where('name', '=', name)
    .where('holder', '=', holder)
    .returning('name')
    .executeTakeFirst();
  return beaten !== undefined;
}

export async function stopBeating(executor: RegistryExecutor, { name, holder }: Heart): Promise<void> {
  await executor.deleteFrom('heartbeats').where('name', '=', name).where('holder', '=', holder).execute();
}

export type KnownHolder = { holder: string; isSilent: boolean };

/** Who beats under that name, and whether it was silent for longer than `silentMs`. */
export async function findHolder(
  executor: RegistryExecutor,
  name: string,
  silentMs: number,
): Promise<KnownHolder | undefined> {
  return executor
    .selectFrom('heartbeats')
    .select('holder')
    .select(sql<boolean>`beat_at < now() - make_interval(secs => ${silentMs / 1_000})`.as('isSilent'))
    .where('name', '=', name)
    .executeTakeFirst();
}

/** Whoever says that it is alive, and when it last did. */
export async function listHeartbeats(executor: RegistryExecutor): Promise<Selectable<Heartbeats>[]> {
  return executor.selectFrom('heartbeats').selectAll().orderBy('name').execute();
}
