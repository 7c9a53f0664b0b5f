/** Settings of every server that this project starts. */
export function serverSettings({ port, major }: { port: number; major: number }): Record<string, string> {
  return {
    port: String(port),
    listen_addresses: '127.0.0.1',
    // Sockets in shared places are open to every user of the machine.
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    max_connections: '200',
    shared_buffers: '128MB',
    // A clone takes one lock per table and index of the template while it is verified and dumped.
    max_locks_per_transaction: '256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Statements and the values in error details may hold secrets and customers' data.
    log_statement: 'none',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
    log_line_prefix: '%m [%p] %a ',
    ...connectionCheck(major),
    ...crashRecovery(major),
  };
}

/** Without it, the CREATE DATABASE of a worker that was killed runs on. Where it is unknown, it stops the start. */
function connectionCheck(major: number): Record<string, string> {
  const known = process.platform === 'linux' ? major >= 14 : process.platform === 'darwin' && major >= 15;
  return known ? { client_connection_check_interval: '200ms' } : {};
}

/** With a thousand databases, the first start after a crash takes one second instead of a hundred. */
function crashRecovery(major: number): Record<string, string> {
  return process.platform === 'linux' && major >= 14 ? { recovery_init_sync_method: 'syncfs' } : {};
}

/** The text of a configuration file with these settings. */
export function renderSettings(settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return `${lines.join('\n')}\n`;
}
