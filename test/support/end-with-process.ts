import { spawn } from 'node:child_process';

// Reads until this process's end closes the pipe, whatever ended it: SIGKILL runs no handler.
const watch =
  'cat >/dev/null; test -f "$1" || exit 0; kill -s "$2" "$(head -n 1 "$1")"; sleep 1; rm -rf "$3"';

type Belongings = { pidFile: string; signal: 'QUIT' | 'KILL'; folder: string };

/**
 * Has a server signalled and its folder removed when this process ends without having stopped it. A server that
 * was stopped has no pid file any more, and nothing happens.
 */
export function endWithProcess({ pidFile, signal, folder }: Belongings): void {
  const watcher = spawn('sh', ['-c', watch, 'sh', pidFile, signal, folder], {
    // Out of the terminal's group, so that Ctrl-C leaves it to do its work.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.on('error', () => undefined);
  watcher.unref();
  const { stdin } = watcher;
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
}
