import { readFile } from 'node:fs/promises';

/** What a server needs to be started with for `readConnectionLog`. */
export const connectionLogSettings = {
  log_connections: 'on',
  log_disconnections: 'on',
  log_line_prefix: '%m [%p] ',
} as const;

const line = /^(\S+ \S+) \S+ \[(\d+)\] LOG: {2}(connection authorized|disconnection): (.*)$/;

/**
 * The most sessions of the wanted users that were open at once, by the server's own log of who came and went.
 * The log says that somebody left before the server has let the seat go, and that somebody came after it was taken.
 */
export async function readConnectionLog(file: string, isWanted: (user: string) => boolean) {
  const open = new Set<string>();
  let most = 0;
  let opened = 0;
  for (const text of (await readFile(file, 'utf8')).split('\n')) {
    const [, , pid = '', what, rest = ''] = line.exec(text) ?? [];
    const user = /\buser=(\S+)/.exec(rest)?.[1];
    if (user === undefined || !isWanted(user)) continue;
    if (what === 'disconnection') open.delete(pid);
    else {
      open.add(pid);
      opened += 1;
    }
    most = Math.max(most, open.size);
  }
  return { most, opened, left: open.size };
}
