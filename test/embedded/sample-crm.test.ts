import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { samplePath } from './embedded-cases.ts';

const { host, port, admin } = sharedPostgres();
const name = `sample_${randomBytes(6).toString('hex')}`;
const asAdmin = new pg.Client({ host, port, ...admin, database: 'postgres' });
const owner = new pg.Client({ host, port, user: name, password: 'owner', database: name });

/** The sample is loaded as the README's reader would load it: by the plain owner of an empty database. */
beforeAll(async () => {
  await asAdmin.connect();
  await asAdmin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'owner'`);
  await asAdmin.query(`CREATE DATABASE ${name} OWNER ${name}`);
  await owner.connect();
  await owner.query(await readFile(samplePath, 'utf8'));
});
afterAll(async () => {
  await owner.end();
  await asAdmin.query(`DROP DATABASE ${name}`);
  await asAdmin.query(`DROP ROLE ${name}`);
  await asAdmin.end();
});

async function row(sql: string, values: unknown[] = []): Promise<Record<string, unknown>> {
  return (await owner.query<Record<string, unknown>>(sql, values)).rows[0] ?? {};
}

it('has every kind of thing that a schema of its time has, and no rows', async () => {
  const counts = await row(`SELECT
    (SELECT count(*)::int FROM pg_tables WHERE schemaname IN ('public', 'billing')) AS tables,
    (SELECT count(*)::int FROM pg_views WHERE schemaname IN ('public', 'billing')) AS views,
    (SELECT count(*)::int FROM pg_matviews) AS matviews,
    (SELECT count(*)::int FROM pg_partitioned_table) AS partitioned,
    (SELECT count(*)::int FROM pg_trigger WHERE NOT tgisinternal) AS triggers,
    (SELECT count(*)::int FROM pg_extension WHERE extname <> 'plpgsql') AS extensions`);
  expect(counts).toMatchObject({ views: 4, matviews: 1, partitioned: 1, extensions: 0 });
  expect(counts.tables).toBeGreaterThanOrEqual(30);
  expect(counts.triggers).toBeGreaterThanOrEqual(15);
  const { rows } = await owner.query<{ table: string }>(
    "SELECT format('%I.%I', schemaname, tablename) AS table FROM pg_tables WHERE tableowner = $1",
    [name],
  );
  for (const { table } of rows)
    expect((await owner.query(`SELECT FROM ${table} LIMIT 1`)).rowCount, table).toBe(0);
});

it('takes a company with nothing but a name, finds it, and keeps its history', async () => {
  const company = await row("INSERT INTO companies (name) VALUES ('Ærø Boats') RETURNING *");
  expect(company).toMatchObject({
    name: 'Ærø Boats',
    lifecycle_stage: 'lead',
    currency: 'EUR',
    domain: null,
  });
  await owner.query("UPDATE companies SET industry = 'Shipbuilding' WHERE id = $1", [company.id]);
  expect(await row("SELECT name FROM search_companies('shipbuilding')")).toEqual({ name: 'Ærø Boats' });
  const { rows } = await owner.query(
    'SELECT operation, changes FROM record_changes WHERE record_id = $1 ORDER BY id',
    [company.id],
  );
  expect(rows).toMatchObject([
    { operation: 'INSERT', changes: { name: 'Ærø Boats' } },
    { operation: 'UPDATE', changes: { industry: 'Shipbuilding' } },
  ]);
  await owner.query('DELETE FROM companies WHERE id = $1', [company.id]);
});

it('closes a deal that moves to a closing stage and notes the move', async () => {
  const { id: pipeline } = await row("INSERT INTO pipelines (name) VALUES ('Sales') RETURNING id");
  const { rows: stages } = await owner.query<{ id: string }>(
    `INSERT INTO stages (pipeline_id, name, kind, position, win_probability)
     VALUES ($1, 'Talking', 'open', 0, 50), ($1, 'Won', 'won', 1, 100) RETURNING id`,
    [pipeline],
  );
  const deal = await row(
    `INSERT INTO deals (title, pipeline_id, stage_id, amount, expected_close_on)
     VALUES ('Twelve boats', $1, $2, 1200, '2026-06-15') RETURNING id, closed_at`,
    [pipeline, stages[0]?.id],
  );
  expect(deal.closed_at).toBeNull();
  expect(await row('SELECT title, weighted_amount FROM open_deals')).toEqual({
    title: 'Twelve boats',
    weighted_amount: '600.00',
  });
  expect(await row("SELECT deals, amount FROM pipeline_forecast($1, '2026-12-31')", [pipeline])).toEqual({
    deals: '1',
    amount: '1200.00',
  });
  const won = await row('UPDATE deals SET stage_id = $2 WHERE id = $1 RETURNING closed_at', [
    deal.id,
    stages[1]?.id,
  ]);
  expect(won.closed_at).toBeInstanceOf(Date);
  expect(await row('SELECT count(*)::int AS moves FROM deal_stage_changes')).toEqual({ moves: 2 });
});

it('adds up an invoice, settles it when it is paid, and reports the revenue', async () => {
  const { id: company } = await row("INSERT INTO companies (name) VALUES ('Payer') RETURNING id");
  const { id: customer } = await row('INSERT INTO billing.customers (company_id) VALUES ($1) RETURNING id', [
    company,
  ]);
  const invoice = await row(
    "INSERT INTO billing.invoices (customer_id, status, issued_on) VALUES ($1, 'open', '2026-03-01') RETURNING id, number, due_on::text",
    [customer],
  );
  expect(invoice).toMatchObject({ number: 'INV-000001', due_on: '2026-03-31' });
  await owner.query(
    `INSERT INTO billing.invoice_lines (invoice_id, position, description, quantity, unit_amount, tax_rate)
     VALUES ($1, 1, 'Boat', 2, 100, 19), ($1, 2, 'Paint', 1.5, 10, 0)`,
    [invoice.id],
  );
  expect(await row('SELECT outstanding FROM billing.receivables')).toEqual({ outstanding: '253.00' });
  await owner.query('INSERT INTO billing.payments (invoice_id, amount) VALUES ($1, 253)', [invoice.id]);
  expect(await row('SELECT status, gross_total FROM billing.invoices')).toEqual({
    status: 'paid',
    gross_total: '253.00',
  });
  await owner.query('REFRESH MATERIALIZED VIEW CONCURRENTLY billing.monthly_revenue');
  expect(await row('SELECT month::text, net FROM billing.monthly_revenue')).toEqual({
    month: '2026-03-01',
    net: '215.00',
  });
});

it('files people, messages and tasks', async () => {
  const person = await row(
    "INSERT INTO people (first_name, last_name) VALUES ('Ada', 'Lovelace') RETURNING id, full_name, search::text",
  );
  expect(person).toMatchObject({ full_name: 'Ada Lovelace', search: "'ada':1 'lovelace':2" });
  await owner.query("INSERT INTO contacts (person_id, email) VALUES ($1, 'ada@example.com')", [person.id]);
  await expect(
    owner.query("INSERT INTO contacts (person_id, email) VALUES ($1, 'nowhere')", [person.id]),
  ).rejects.toThrow('email_address');
  const { id: thread } = await row("INSERT INTO email_threads (subject) VALUES ('Engines') RETURNING id");
  await owner.query(
    `INSERT INTO email_messages (thread_id, message_id, direction, sender)
     VALUES ($1, '<1@example.com>', 'inbound', 'ada@example.com'), ($1, '<2@example.com>', 'outbound', 'me@example.com')`,
    [thread],
  );
  expect(await row('SELECT message_count FROM email_threads')).toEqual({ message_count: 2 });
  await owner.query("INSERT INTO tasks (title, due_at) VALUES ('Call Ada', now() - interval '1 day')");
  expect(await row('SELECT title FROM overdue_tasks')).toEqual({ title: 'Call Ada' });
  const done = await row("UPDATE tasks SET status = 'done' RETURNING completed_at");
  expect(done.completed_at).toBeInstanceOf(Date);
});
