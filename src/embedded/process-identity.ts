import { readFile } from 'node:fs/promises';
import { runCommand } from './run-command.ts';
import type { ServerAccount } from './server-account.ts';

/**
 * A text that no other process has, also not a later one with the same number. Null when the process has ended,
 * an empty text when it lives and nothing more can be learned (a hardened /proc).
 */
export async function identifyProcess(pid: number): Promise<string | null> {
  if (!isAlive(pid)) return null;
  return process.platform === 'linux' ? identifyOnLinux(pid) : identifyByPs(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function identifyOnLinux(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  if (stat === null) return '';
  // The program's name comes second, in brackets, and may contain anything; what counts follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state === 'Z' ? null : `${bootId.trim()}/${startTicks}`;
}

async function identifyByPs(pid: number): Promise<string | null> {
  const answer = await runCommand({ file: 'ps', args: ['-o', 'lstart=', '-p', String(pid)] });
  return answer.succeeded ? answer.output : '';
}

/** Where a process of this account works, or null where that cannot be learned. */
export async function workingFolderOf(pid: number, account: ServerAccount): Promise<string | null> {
  // Asked as the account: in a container root may not look into other users' processes.
  if (process.platform === 'linux') {
    const answer = await runCommand({ file: 'readlink', args: [`/proc/${pid}/cwd`], account });
    return answer.succeeded ? answer.output : null;
  }
  const args = ['-a', '-p', String(pid), '-d', 'cwd', '-Fn'];
  const answer = await runCommand({ file: 'lsof', args, account });
  return /^n(.+)$/m.exec(answer.output)?.[1] ?? null;
}
