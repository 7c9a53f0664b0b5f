/** TLS to a server: off, without checking the certificate, or checked against `ca` or the system's authorities. */
export type ServerTls = { mode: 'disable' } | { mode: 'require' } | { mode: 'verify-full'; ca?: string };

/** Where a PostgreSQL server is; enough for everyone who has a login of their own. */
export type ServerAddress = {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly tls: ServerTls;
};

/** The login that may create databases and roles. Lives in the worker's memory only. */
export type AdminLogin = { readonly user: string; readonly password: string };

export type DatabaseServer = ServerAddress & { readonly admin: AdminLogin };

/** The names of everything that one tenant has on its server. Random, never the organization's words. */
export type TenantDatabaseNames = {
  readonly database: string;
  readonly migratorRole: string;
  readonly applicationRole: string;
};

/** The two roles of an installation that own and use every tenant's objects. They cannot log in. */
export type NeutralRoles = { readonly owner: string; readonly application: string };

/** Digests of one database; comparable within one server major, between databases cloned from one template. */
export type Fingerprint = {
  /** Tables, columns, types, functions, constraints, indexes, extensions with their versions … */
  readonly structure: string;
  /** Privileges and ownership, with this installation's roles named by their part in it. */
  readonly privileges: string;
  /** Rows that the template carries, and sequence positions. */
  readonly carriedRows: string;
};
