import { judgeVersion } from '../../databases/server-version-floor.ts';
import { type Check, ok, problem, unknown, warning } from './check.ts';

/** The version of one PostgreSQL: the registry's, or a server's. */
export function checkVersion(check: string, subject: string, versionNum: number): Check {
  const judged = judgeVersion(versionNum);
  const { version, major } = judged;
  if (judged.isTooOld) {
    const detail = `PostgreSQL ${version} is older than what the platform works with.`;
    return problem({ check, subject, detail, remedy: 'Upgrade to PostgreSQL 15 or newer.' });
  }
  if (judged.outcome === 'below') {
    const detail = `PostgreSQL ${version} is below ${judged.floor}, and lacks ${judged.reason}.`;
    const remedy = `Install PostgreSQL ${judged.floor} or newer; within one major that is new programs and a restart.`;
    return warning({ check, subject, detail, remedy });
  }
  if (judged.outcome === 'unknown') {
    const tried = judged.isTried ? '' : ', with which the platform is not tested';
    const detail = `PostgreSQL ${version}${tried}: which of its minor versions lack security fixes is not known here.`;
    return unknown({ check, subject, detail, remedy: `See postgresql.org/support/security for ${major}.` });
  }
  return ok({ check, subject, detail: `PostgreSQL ${version} has all fixes that are known here.` });
}
