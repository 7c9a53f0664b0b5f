import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { connection, type DatabaseFacts, type ServerLogin } from './database-facts.ts';

const run = promisify(execFile);

const OPTIONS = ['--schema-only', '--no-owner', '--no-acl', '--no-subscriptions', '--restrict-key=fixed'];
/** Ahead of each object pg_dump writes `-- Name: touch(); Type: FUNCTION; Schema: public; Owner: -`. */
const HEADING = /^--\n-- Name: (.*); Type: (.*); Schema: (.*); Owner: .*$/gm;

/** The settings stand wherever the first table happens to come, hence they count to no object. */
const NOT_OF_AN_OBJECT = /^(--|\\unrestrict |SET default_(tablespace|table_access_method) = )/;

/** The schema, object by object; comments, blank lines and the order of the objects do not count. */
export async function dumpFacts(
  pgDump: string,
  login: ServerLogin,
  database: string,
): Promise<DatabaseFacts> {
  const { stdout } = await run(pgDump, [...OPTIONS, ...connection(login), `--dbname=${database}`], {
    env: { ...process.env, PGPASSWORD: login.admin.password },
    maxBuffer: 256 * 1024 * 1024,
  });
  const headings = [...stdout.matchAll(HEADING)];
  const facts = headings.map(({ 0: heading, 1: name, 2: type, 3: schema, index }, position) => {
    const body = stdout.slice(index + heading.length, headings[position + 1]?.index ?? stdout.length);
    return [`${type} ${schema} ${name}`, withoutComments(body)] as const;
  });
  const found = new Map(facts);
  if (found.size === 0 || found.size !== facts.length) {
    throw new Error(`pg_dump wrote ${facts.length} objects under ${found.size} names.`);
  }
  // Of a schema public whose owner was changed it says only that it need not be made.
  return new Map([...found].filter(([, body]) => body !== ''));
}

function withoutComments(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !NOT_OF_AN_OBJECT.test(line))
    .join('\n');
}
