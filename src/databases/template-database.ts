import { errors } from '../errors/catalogue.ts';
import { closeDatabase } from './close-database.ts';
import type { NeutralRoles } from './database-server.ts';
import { applySettings, type DatabaseSetting } from './database-settings.ts';
import { readDatabase } from './database-state.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import { newPassword, scramVerifier } from './scram-verifier.ts';
import type { ServerSession } from './server-session.ts';
import type { Locale } from './source-inspection.ts';
import { sqlState } from './sql-state.ts';

/** The names are random and in the registry before the objects exist. */
export type TemplateNames = { readonly template: string; readonly builderRole: string };

export type Builder = { readonly user: string; readonly password: string };

/** Enough for the tools and the platform's own connection as the builder. */
const BUILDER_CONNECTIONS = 4;

export type TemplateCreation = {
  readonly names: TemplateNames;
  readonly neutral: NeutralRoles;
  /** Undefined: as `template0`. */
  readonly locale: Locale | undefined;
  /** What the source's functions may rely on while materialized views are filled. */
  readonly settings: readonly DatabaseSetting[];
};

/**
 * Makes an empty database that only the platform and the new builder may enter. The builder is no superuser
 * and acts as the neutral owner, so that whatever runs while it restores gains nothing.
 */
export async function createTemplateDatabase(
  session: ServerSession,
  { names, neutral, locale, settings }: TemplateCreation,
): Promise<Builder> {
  const password = newPassword();
  const [database, builder] = [quoteIdentifier(names.template), quoteIdentifier(names.builderRole)];
  const owner = quoteIdentifier(neutral.owner);
  const login = `LOGIN PASSWORD ${quoteLiteral(scramVerifier(password))} CONNECTION LIMIT ${BUILDER_CONNECTIONS}`;
  await session.run(`CREATE ROLE ${builder} ${login} IN ROLE ${owner}`);
  await retryConcurrentUpdate(() =>
    session.run(`ALTER ROLE ${builder} SET role = ${quoteLiteral(neutral.owner)}`),
  );
  const options = locale === undefined ? '' : localeOptions(locale);
  await session.run(`CREATE DATABASE ${database} TEMPLATE template0 ALLOW_CONNECTIONS false${options}`);
  await applySettings(session, names.template, settings);
  const opening = [
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
    `GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${builder}`,
    `GRANT CREATE ON DATABASE ${database} TO ${owner}`,
    `ALTER DATABASE ${database} ALLOW_CONNECTIONS true`,
  ];
  await retryConcurrentUpdate(() => session.run(opening.join(';\n')));
  return { user: names.builderRole, password };
}

function localeOptions({ encoding, collate, ctype, provider, locale, icuRules }: Locale): string {
  const names: Record<string, string> = { i: 'icu', b: 'builtin', c: 'libc' };
  const option = (name: string, value: string | null) =>
    value === null ? '' : ` ${name} ${quoteLiteral(value)}`;
  return [
    option('ENCODING', encoding),
    option('LC_COLLATE', collate),
    option('LC_CTYPE', ctype),
    provider === null ? '' : ` LOCALE_PROVIDER ${names[provider] ?? 'libc'}`,
    provider === 'i' ? option('ICU_LOCALE', locale) + option('ICU_RULES', icuRules) : '',
    provider === 'b' ? option('BUILTIN_LOCALE', locale) : '',
  ].join('');
}

/**
 * Closes the finished template for good: nobody connects to it any more, everybody of the platform clones it.
 * The builder ends before the mark is set, so that what bears the mark is finished.
 */
export async function sealTemplate(
  session: ServerSession,
  names: TemplateNames,
  neutral: NeutralRoles,
): Promise<void> {
  const database = quoteIdentifier(names.template);
  await closeDatabase(session, names.template);
  await dropBuilder(session, names, neutral);
  await retryConcurrentUpdate(() =>
    session.run(`ALTER DATABASE ${database} IS_TEMPLATE true ALLOW_CONNECTIONS false`),
  );
}

async function dropBuilder(
  session: ServerSession,
  names: TemplateNames,
  neutral: NeutralRoles,
): Promise<void> {
  const [database, builder] = [quoteIdentifier(names.template), quoteIdentifier(names.builderRole)];
  await retryConcurrentUpdate(() =>
    session.run(`REVOKE ALL ON DATABASE ${database} FROM ${builder}, ${quoteIdentifier(neutral.owner)}`),
  );
  try {
    await session.run(`DROP ROLE ${builder}`);
  } catch (error) {
    if (sqlState(error) !== '2BP01') throw error;
    const why = 'code of the source made objects that belong to the role that restored it';
    throw errors.restoreFailed(why).causedBy(error);
  }
}

/**
 * Removes a template, finished or not. Idempotent. Clones do not need their template; the caller makes sure that
 * nobody is about to clone it.
 */
export async function dropTemplate(session: ServerSession, template: string): Promise<void> {
  const found = await readDatabase(session, template);
  if (found === undefined) return;
  const database = quoteIdentifier(template);
  if (!found.isInvalid) {
    await retryConcurrentUpdate(() =>
      session.run(`ALTER DATABASE ${database} IS_TEMPLATE false ALLOW_CONNECTIONS false`),
    );
  }
  await session.run(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
}

/** Removes what an unfinished build left, also that of a process that was killed. */
export async function discardTemplate(session: ServerSession, names: TemplateNames): Promise<void> {
  await dropTemplate(session, names.template);
  await session.run(`DROP ROLE IF EXISTS ${quoteIdentifier(names.builderRole)}`);
}
