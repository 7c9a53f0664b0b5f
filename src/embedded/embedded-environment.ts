import { errors } from '../errors/catalogue.ts';
import { explainFailure } from './explain-failure.ts';
import { type KeptSecrets, readSecrets } from './kept-secrets.ts';
import { readState } from './kept-state.ts';
import { withLocalConnection } from './local-connection.ts';
import { REGISTRY, SAMPLE } from './set-up-databases.ts';

/** The variables that a process with this server must have, as if the user had set them. */
export function embeddedEnvironment(port: number, secrets: KeptSecrets): Record<string, string> {
  const { REGISTRY_PASSWORD, ...kept } = secrets;
  return {
    ...kept,
    GLOBAL_DATABASE_URL: `postgresql://${REGISTRY}:${REGISTRY_PASSWORD}@127.0.0.1:${port}/${REGISTRY}`,
    POSTGRES_HOST: '127.0.0.1',
    POSTGRES_PORT: String(port),
    POSTGRES_ADMIN_USER: 'postgres',
    SOURCE_DATABASE_NAME: SAMPLE,
  };
}

/**
 * The same environment for another process, while the server runs. Null where none was ever set up.
 * @throws embeddedFailed where it does not run, or its files may not be read.
 */
export async function readEmbeddedEnvironment(dataDir: string): Promise<Record<string, string> | null> {
  try {
    const state = await readState(dataDir);
    const secrets = await readSecrets(dataDir);
    if (state === null || secrets === null) return null;
    await demandAnswer(dataDir, state.port, secrets);
    return embeddedEnvironment(state.port, secrets);
  } catch (error) {
    throw explainFailure(error, dataDir);
  }
}

async function demandAnswer(dataDir: string, port: number, secrets: KeptSecrets): Promise<void> {
  const login = { port, user: REGISTRY, password: secrets.REGISTRY_PASSWORD, database: REGISTRY };
  try {
    await withLocalConnection(login, (client) => client.query('SELECT'));
  } catch (error) {
    throw errors
      .embeddedFailed(`The embedded PostgreSQL in ${dataDir} is not running. Start it with: npm start`)
      .causedBy(error);
  }
}
