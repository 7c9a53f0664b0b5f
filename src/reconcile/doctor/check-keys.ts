import { AppError } from '../../errors/app-error.ts';
import { listServers } from '../../registry/repositories/database-servers.ts';
import { type SealedRow, sampleSealedRows } from '../../registry/repositories/doctor.ts';
import { readInstallation } from '../../registry/repositories/installation.ts';
import { type Check, named, ok, problem, warning } from './check.ts';
import type { DoctorNeeds, WorkerNeeds } from './doctor-needs.ts';

const sampleSize = 200;

/** Whether this process's keys are the registry's, and open what is sealed there. */
export async function checkKeys(
  needs: DoctorNeeds,
  worker: WorkerNeeds['worker'] | undefined,
): Promise<Check[]> {
  const installation = await readInstallation(needs.registry);
  const rows = await sampleSealedRows(needs.registry, sampleSize);
  const { masterSeal } = needs;
  const openApplication = (row: SealedRow) =>
    masterSeal.unsealWithDataKey(row.sealedDataKey, row.sealedApplicationPassword, {
      owner: row.owner,
      column: 'application_password',
    });
  const checks = [
    checkMark('MASTER_ENCRYPTION_KEY', installation.masterKeyCheck, masterSeal.keyCheck),
    checkColumn('application_password', 'MASTER_ENCRYPTION_KEY', { rows, open: openApplication }),
    ...needs.weakSecrets.map(weakSecret),
  ];
  if (worker === undefined) return checks;
  const openMigrator = (row: SealedRow) =>
    worker.openAsWorker(row.sealedMigratorPassword, { owner: row.owner, column: 'migrator_password' });
  const servers = (await listServers(needs.registry)).flatMap(({ id, name, sealedAdminLogin }) =>
    sealedAdminLogin === null ? [] : { subject: name, owner: id, sealedAdminLogin },
  );
  const openLogin = (row: (typeof servers)[number]) =>
    worker.openAsWorker(row.sealedAdminLogin, { owner: row.owner, column: 'admin_login' });
  return [
    ...checks,
    checkMark('WORKER_SECRET_KEY', installation.workerPublicKey, worker.publicKey),
    checkColumn('migrator_password', 'WORKER_SECRET_KEY', { rows, open: openMigrator }),
    checkColumn('admin_login', 'WORKER_SECRET_KEY', { rows: servers, open: openLogin }),
  ];
}

function checkMark(variable: string, mark: string | null, own: string): Check {
  const told = { check: 'keys.mark', subject: variable };
  if (mark === own) return ok({ ...told, detail: 'It is the key that the registry was set up with.' });
  const detail = 'It is not the key that the registry was set up with.';
  return problem({ ...told, detail, remedy: `Give every process the former ${variable}.` });
}

type Sample<Row> = { rows: readonly Row[]; open: (row: Row) => unknown };

function checkColumn<Row extends { subject: string }>(
  column: string,
  variable: string,
  { rows, open }: Sample<Row>,
): Check {
  const told = { check: 'keys.sealed', subject: column };
  const shut = rows.filter((row) => !opens(open, row));
  if (shut.length === 0) {
    const detail =
      rows.length === 0 ? 'Nothing is sealed there yet.' : `All of ${rows.length} that were tried open.`;
    return ok({ ...told, detail });
  }
  const names = named(shut.map(({ subject }) => subject));
  const detail = `${shut.length} of ${rows.length} sealed values that were tried do not open: ${names}.`;
  const remedy = `They were sealed under another ${variable}, or altered: restore the former key, or these rows from a backup of the registry.`;
  return problem({ ...told, detail, remedy });
}

function opens<Row>(open: (row: Row) => unknown, row: Row): boolean {
  try {
    open(row);
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

function weakSecret({ variable, why }: { variable: string; why: string }): Check {
  const detail = `It ${why}; production refuses it.`;
  return warning({
    check: 'keys.strength',
    subject: variable,
    detail,
    remedy: 'Make one with: openssl rand -hex 32',
  });
}
