import { quoteIdentifier } from './quote.ts';

/** What the platform's login may not do, and the SQL that an administrator runs to mend it. */
export type MissingRight = { readonly right: string; readonly mend: string };

type Rule = readonly [
  pattern: RegExp,
  right: string,
  mend: (user: string, match: RegExpMatchArray) => string,
];

const rules: readonly Rule[] = [
  [/permission denied to create database/, 'create databases', (user) => `ALTER ROLE ${user} CREATEDB;`],
  [/permission denied to create role/, 'create roles', (user) => `ALTER ROLE ${user} CREATEROLE;`],
  [
    /permission denied to copy database "(.+)"/,
    'clone the template',
    (user, [, name = '']) => `ALTER DATABASE ${quoteIdentifier(name)} OWNER TO ${user};`,
  ],
  [
    /must be owner of database (.+)/,
    'change the database',
    (user, [, name = '']) => `ALTER DATABASE ${quoteIdentifier(name)} OWNER TO ${user};`,
  ],
  [
    /(?:must have admin option on|permission denied to grant) role "(.+)"/,
    'grant its roles',
    (user, [, name = '']) => `GRANT ${quoteIdentifier(name)} TO ${user} WITH ADMIN OPTION;`,
  ],
  [
    /must be (?:a )?(?:member of|able to SET) role "(.+)"/,
    'act as its roles',
    (user, [, name = '']) => `GRANT ${quoteIdentifier(name)} TO ${user};`,
  ],
  [
    /terminate (?:superuser )?process|role whose process is being terminated/,
    'end the sessions of others',
    (user) => `GRANT pg_signal_backend TO ${user};`,
  ],
];

/** Reads a refusal (42501). The server gives no field that says which right was missing, only the sentence. */
export function missingRight(message: string, user: string): MissingRight {
  const quotedUser = quoteIdentifier(user);
  for (const [pattern, right, mend] of rules) {
    const match = message.match(pattern);
    if (match !== null) return { right, mend: mend(quotedUser, match) };
  }
  return { right: `do what it must (${message})`, mend: `ALTER ROLE ${quotedUser} CREATEDB CREATEROLE;` };
}
