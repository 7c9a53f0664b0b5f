import { listServerSummaries } from '../../registry/repositories/server-admin.ts';
import { type Check, warning } from './check.ts';
import type { DoctorNeeds } from './doctor-needs.ts';

/** Servers that were added and take nobody: no other look connects to them. */
export async function checkUntestedServers({ registry }: Pick<DoctorNeeds, 'registry'>): Promise<Check[]> {
  const servers = await listServerSummaries(registry);
  return servers
    .filter(({ status }) => status === 'unchecked')
    .map(({ name, troubleDetail }) =>
      warning({
        check: 'server.tested',
        subject: name,
        detail:
          troubleDetail === null
            ? 'It was added, and no worker has tested it yet: it takes no tenants.'
            : `It takes no tenants, since its test failed: ${troubleDetail}`,
        remedy: `Mend that, then: tenant-cli servers check ${name}. Or take it out: tenant-cli servers remove ${name}`,
      }),
    );
}
