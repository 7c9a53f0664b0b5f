/**
 * The oldest minor version of each major that has the fix of CVE-2026-18408 (a dump that takes over whoever
 * restores it with psql) and of all that was known before it: PostgreSQL's releases of 13 August 2026.
 */
const floors: Readonly<Record<number, number>> = { 14: 24, 15: 19, 16: 15, 17: 11, 18: 6 };
const reason = 'security fixes of 13 August 2026, CVE-2026-18408 among them';

const oldestMajor = 13;
/** The majors that the platform is tried with. */
const triedMajors = [14, 15, 16, 17, 18];

/** `below`: known holes are open. `unknown`: nobody has said here which minor version is old. */
export type VersionJudgement = {
  /** `15.18`. */
  version: string;
  major: number;
  isTried: boolean;
  isTooOld: boolean;
} & ({ outcome: 'current' | 'unknown' } | { outcome: 'below'; floor: string; reason: string });

/** Compares a version, as in `server_version_num`, with the known floor of its major. */
export function judgeVersion(versionNum: number): VersionJudgement {
  const [major, minor] = [Math.floor(versionNum / 10_000), versionNum % 10_000];
  const judged = {
    version: `${major}.${minor}`,
    major,
    isTried: triedMajors.includes(major),
    isTooOld: major < oldestMajor,
  };
  const floor = floors[major];
  if (floor === undefined) return { ...judged, outcome: 'unknown' };
  if (minor >= floor) return { ...judged, outcome: 'current' };
  return { ...judged, outcome: 'below', floor: `${major}.${floor}`, reason };
}
