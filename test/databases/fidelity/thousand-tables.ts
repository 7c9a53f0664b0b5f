const TABLES = 1_000;
const TABLES_PER_TRANSACTION = 100;

/**
 * A schema of 1,000 tables, each with a sequence, an index and a foreign key to the one before. In several
 * transactions: one would take more locks than a server of the usual size has room for.
 */
export function thousandTables(): string[] {
  const tables = Array.from({ length: TABLES }, (_, index) => createTable(index));
  return Array.from({ length: TABLES / TABLES_PER_TRANSACTION }, (_, part) =>
    tables.slice(part * TABLES_PER_TRANSACTION, (part + 1) * TABLES_PER_TRANSACTION).join('\n'),
  );
}

function createTable(index: number): string {
  const previous = index === 0 ? '' : `, previous_id bigint REFERENCES ${nameOf(index - 1)}`;
  return `CREATE TABLE ${nameOf(index)} (
    id bigserial PRIMARY KEY, name varchar(80) NOT NULL, made_at timestamptz NOT NULL DEFAULT now(), amount numeric
    ${previous});
    CREATE INDEX ON ${nameOf(index)} (name, made_at);`;
}

function nameOf(index: number): string {
  return `public.thing_${String(index).padStart(4, '0')}`;
}
