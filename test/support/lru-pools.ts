import pg from 'pg';

export type LruPoolsOptions = {
  maxPools: number;
  connectionsPerPool: number;
  login: Omit<pg.PoolConfig, 'database'>;
};

/** What one finds when one looks for it: a `pg.Pool` for each tenant, and the least recently used one is ended. */
export function createLruPools({ maxPools, connectionsPerPool, login }: LruPoolsOptions) {
  const pools = new Map<string, pg.Pool>();

  function poolOf(database: string): pg.Pool {
    const known = pools.get(database);
    if (known !== undefined) {
      pools.delete(database);
      pools.set(database, known);
      return known;
    }
    const [oldest] = pools;
    if (pools.size >= maxPools && oldest !== undefined) {
      pools.delete(oldest[0]);
      void oldest[1].end();
    }
    // Who waits for a connection of a pool that is ended would wait for ever.
    const pool = new pg.Pool({ ...login, database, max: connectionsPerPool, connectionTimeoutMillis: 2_000 });
    pool.on('error', () => undefined);
    pools.set(database, pool);
    return pool;
  }

  return {
    query: (database: string, text: string) => poolOf(database).query(text),
    async end(): Promise<void> {
      await Promise.all([...pools.values()].map((pool) => pool.end()));
    },
  };
}
