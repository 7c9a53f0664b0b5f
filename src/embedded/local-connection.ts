import pg from 'pg';

export type LocalLogin = {
  port: number;
  user: string;
  password: string;
  database: string;
  applicationName?: string;
};

/** Connects to the embedded server, hands the connection to `use` and closes it. */
export async function withLocalConnection<T>(
  login: LocalLogin,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { applicationName = 'tenant-manager/embedded', ...rest } = login;
  const client = new pg.Client({
    ...rest,
    host: '127.0.0.1',
    ssl: false,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
  });
  // A lost connection also rejects the running query, which is where it is dealt with.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
