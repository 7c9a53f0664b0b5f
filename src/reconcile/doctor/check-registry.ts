import { type RegistryServer, readRegistryServer } from '../../registry/repositories/doctor.ts';
import { type Check, count, ok, problem, warning } from './check.ts';
import { checkDirectness } from './check-pooler.ts';
import { checkVersion } from './check-versions.ts';
import type { DoctorNeeds } from './doctor-needs.ts';

const subject = 'registry';
const mostClockDifferenceMs = 2_000;
/** Beside the pool: the connection that listens. */
const besidePool = 1;

export async function checkRegistry(needs: DoctorNeeds): Promise<Check[]> {
  const askedAt = needs.now().getTime();
  const server = await readRegistryServer(needs.registry);
  const answeredAt = needs.now().getTime();
  return [
    checkMigrations(await needs.countPendingMigrations()),
    checkVersion('registry.version', subject, server.versionNum),
    checkClock(server, { askedAt, answeredAt }),
    checkConnections(needs, server),
    checkDirectness(
      'registry.pooler',
      { subject, variable: 'GLOBAL_DATABASE_URL' },
      await needs.probeRegistry(),
    ),
  ];
}

function checkMigrations(pending: number): Check {
  const check = 'registry.migrations';
  if (pending === 0) return ok({ check, subject, detail: 'All migrations are applied.' });
  const detail = `The registry lacks ${count(pending, 'migration')} of this version.`;
  return problem({ check, subject, detail, remedy: 'npm run migrate:global' });
}

/** The time within which it was asked is no difference of the clocks. */
function checkClock({ clock }: RegistryServer, asked: { askedAt: number; answeredAt: number }): Check {
  const check = 'registry.clock';
  const at = clock.getTime();
  const differenceMs = Math.max(asked.askedAt - at, at - asked.answeredAt, 0);
  if (differenceMs <= mostClockDifferenceMs) {
    return ok({ check, subject, detail: 'The clocks of this process and of the registry agree.' });
  }
  const seconds = (differenceMs / 1_000).toFixed(1);
  const detail = `The clocks of this process and of the registry differ by ${seconds} s, so that tokens begin or end at the wrong time.`;
  return warning({ check, subject, detail, remedy: 'Synchronize both machines by NTP.' });
}

function checkConnections({ registryPoolMax }: DoctorNeeds, server: RegistryServer): Check {
  const check = 'registry.connections';
  const { maxConnections, reservedConnections, processes, usedConnections } = server;
  const room = maxConnections - reservedConnections;
  const wanted = processes * (registryPoolMax + besidePool);
  const each = `${registryPoolMax + besidePool} connections each`;
  const sum = `Processes that are connected: ${processes}; with ${each} they may want ${wanted} of ${room}`;
  if (wanted > room) {
    const remedy = 'Lower REGISTRY_DB_POOL_MAX, or raise max_connections of the registry’s server.';
    return warning({ check, subject, detail: `${sum}; ${usedConnections} are in use.`, remedy });
  }
  return ok({ check, subject, detail: `${sum}; ${usedConnections} are in use.` });
}
