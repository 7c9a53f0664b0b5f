import { inject } from 'vitest';

export type SharedPostgres = {
  host: string;
  port: number;
  admin: { user: string; password: string };
  /** Where the server's own programs are. They need not include pg_dump. */
  binDir: string;
  major: number;
};

/** The run's PostgreSQL. A file that stops, breaks or counts a server starts one of its own instead. */
export function sharedPostgres(): SharedPostgres {
  return inject('sharedPostgres');
}
