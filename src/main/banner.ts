import type { Config } from '../config/load-config.ts';

type BannerNeeds = {
  config: Config;
  /** Since the programs were built, or since this process began. */
  secondsToReady: number;
  /** Where the admin key of the embedded mode is kept; undefined when the environment named one. */
  secretsFile: string | undefined;
};

/** What a person reads who has just typed `npm start`: where everything is, and calls to paste. */
export function banner({ config, secondsToReady, secretsFile }: BannerNeeds): string {
  const api = `http://localhost:${config.PORT}`;
  const key =
    secretsFile === undefined ? 'SUPER_ADMIN_KEY of your environment' : `SUPER_ADMIN_KEY in ${secretsFile}`;
  return `
tenant-manager is ready (${secondsToReady.toFixed(1)} s)

  API         ${api}
  Reference   ${api}/docs
  Admin key   ${key}

Register an organization; it gets a PostgreSQL database of its own:

  TOKEN=$(curl -s ${api}/api/auth/register-organization \\
    -H 'Content-Type: application/json' \\
    -d '{"organization_name":"ACME Corp","admin_email":"admin@acme.com","admin_password":"SecurePassword123!"}' \\
    | tee /dev/stderr | sed -E 's/.*"access_token":"([^"]+)".*/\\1/')

Write a row into that database, and read it back:

  curl -s ${api}/api/data/companies -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Type: application/json' -H 'Prefer: return=representation' -d '{"name":"First customer"}'
  curl -s '${api}/api/data/companies?select=id,name' -H "Authorization: Bearer $TOKEN"

See it as the operator does:

  npx tenant-cli list

Ctrl+C stops everything; data stays for the next start.
`;
}
