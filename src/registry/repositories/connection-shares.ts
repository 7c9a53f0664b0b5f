import { type Selectable, sql } from 'kysely';
import type { RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { ConnectionBudgets } from '../tables.generated.ts';

export type ShareRow = { processId: string; allowance: number; demand: number; isFixed: boolean };

export type BudgetShares = { total: number; shares: ShareRow[] };

/**
 * The budget of a server and who has how much of it; nobody else changes either until the transaction ends.
 * @param usualTotal taken where no worker has looked at the server yet
 */
export async function lockBudget(
  trx: RegistryTransaction,
  serverId: string,
  usualTotal: number,
): Promise<BudgetShares> {
  const budget =
    (await selectLocked(trx, serverId)) ?? (await createBudget(trx, { serverId, total: usualTotal }));
  const shares = await trx
    .selectFrom('connectionShares')
    .select(['processId', 'allowance', 'demand', 'isFixed'])
    .where('serverId', '=', serverId)
    .orderBy('processId')
    .execute();
  return { total: budget.total, shares };
}

function selectLocked(trx: RegistryTransaction, serverId: string) {
  return trx
    .selectFrom('connectionBudgets')
    .select('total')
    .where('serverId', '=', serverId)
    .forUpdate()
    .executeTakeFirst();
}

async function createBudget(trx: RegistryTransaction, budget: { serverId: string; total: number }) {
  await trx
    .insertInto('connectionBudgets')
    .values(budget)
    .onConflict((conflict) => conflict.column('serverId').doNothing())
    .execute();
  return (await selectLocked(trx, budget.serverId)) ?? budget;
}

export type Share = { serverId: string } & ShareRow;

/** @throws 23503 when the process is not in the list of processes any more. */
export async function writeShare(trx: RegistryTransaction, share: Share): Promise<void> {
  const { allowance, demand } = share;
  await trx
    .insertInto('connectionShares')
    .values(share)
    .onConflict((conflict) => conflict.columns(['serverId', 'processId']).doUpdateSet({ allowance, demand }))
    .execute();
}

/** The servers of whose budgets a process has a share. */
export async function listServersOfShares(executor: RegistryExecutor, processId: string): Promise<string[]> {
  const shares = await executor
    .selectFrom('connectionShares')
    .select('serverId')
    .where('processId', '=', processId)
    .execute();
  return shares.map(({ serverId }) => serverId);
}

export type BudgetTotal = { serverId: string; total: number; maxConnections: number; explanation: string };

/** @returns whether the total is another than before. */
export async function writeBudget(trx: RegistryTransaction, budget: BudgetTotal): Promise<boolean> {
  const { serverId, ...rest } = budget;
  const before = await selectLocked(trx, serverId);
  const values = { ...rest, lookedAt: sql<Date>`now()` };
  await trx
    .insertInto('connectionBudgets')
    .values({ serverId, ...values })
    .onConflict((conflict) => conflict.column('serverId').doUpdateSet(values))
    .execute();
  return before?.total !== budget.total;
}

export type ListedBudget = Selectable<ConnectionBudgets> & { allowed: number; wanted: number };

/** Every server's budget, with what of it is given out and what is asked for. */
export async function listBudgets(executor: RegistryExecutor): Promise<ListedBudget[]> {
  return executor
    .selectFrom('connectionBudgets as budget')
    .leftJoin('connectionShares as share', 'share.serverId', 'budget.serverId')
    .selectAll('budget')
    .select(sql<number>`coalesce(sum(share.allowance), 0)::int`.as('allowed'))
    .select(sql<number>`coalesce(sum(share.demand), 0)::int`.as('wanted'))
    .groupBy('budget.serverId')
    .orderBy('budget.serverId')
    .execute();
}

export type ConnectionRights = { total: number | null; explanation: string; allowances: Map<string, number> };

/** A server's budget, and how much of it each process has, by the name under which it logs in. */
export async function readConnectionRights(
  executor: RegistryExecutor,
  serverId: string,
): Promise<ConnectionRights> {
  const budget = await executor
    .selectFrom('connectionBudgets')
    .select(['total', 'explanation'])
    .where('serverId', '=', serverId)
    .executeTakeFirst();
  const shares = await executor
    .selectFrom('connectionShares as share')
    .innerJoin('processes as process', 'process.id', 'share.processId')
    .select(['process.applicationName', 'share.allowance'])
    .where('share.serverId', '=', serverId)
    .execute();
  return {
    total: budget?.total ?? null,
    explanation: budget?.explanation ?? '',
    allowances: new Map(shares.map(({ applicationName, allowance }) => [applicationName, allowance])),
  };
}
