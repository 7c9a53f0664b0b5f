import type { DatabaseServer, NeutralRoles, TenantDatabaseNames } from '../databases/database-server.ts';
import { endLockHolders } from '../databases/lock-holders.ts';
import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { beat, type OwnedRun } from '../registry/repositories/provisioning-runs.ts';
import { changeTenant, type Tenant, type TenantChange } from '../registry/repositories/tenants.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Around } from './failpoints.ts';

export type RunContextNeeds = {
  registry: RegistryDatabase;
  serverOf: (serverId: string) => Promise<DatabaseServer>;
  neutral: NeutralRoles;
  applicationName: string;
  around: Around;
  log: Logger;
};

/** How long a step waits for the lock of a predecessor whose session is still ending. */
const lockWaitMs = 2_000;
const lockWaitAfterEndingMs = 10_000;
const statementTimeoutMs = 120_000;

/**
 * What the steps of one run share: the tenant's row, one session on its server that holds the tenant's lock,
 * and writes that are refused once another process has taken the run over.
 */
export class RunContext {
  readonly run: OwnedRun;
  readonly needs: RunContextNeeds;
  readonly signal: AbortSignal;
  #tenant: Tenant;
  #session: ServerSession | undefined;

  constructor({
    run,
    tenant,
    needs,
    signal,
  }: { run: OwnedRun; tenant: Tenant; needs: RunContextNeeds; signal: AbortSignal }) {
    this.run = run;
    this.needs = needs;
    this.signal = signal;
    this.#tenant = tenant;
  }

  get tenant(): Tenant {
    return this.#tenant;
  }

  /** The names under which the tenant's database and roles are made; null before they are reserved. */
  get names(): TenantDatabaseNames | null {
    const { databaseName, migratorRole, applicationRole } = this.#tenant;
    if (databaseName === null || migratorRole === null || applicationRole === null) return null;
    return { database: databaseName, migratorRole, applicationRole };
  }

  async server(): Promise<DatabaseServer> {
    if (this.#tenant.serverId === null) throw errors.fenced();
    return this.needs.serverOf(this.#tenant.serverId);
  }

  /**
   * The session that does everything on the server. It holds the tenant's lock from its first moment, so that
   * whoever comes after a crash waits until the server has finished what the crash left running.
   */
  async session(): Promise<ServerSession> {
    this.#session ??= await this.#openSession();
    return this.#session;
  }

  /** A change of the tenant's row, in one transaction with `more`, refused when this run is another's by now. */
  async save(
    change: TenantChange,
    more: (trx: RegistryTransaction, tenant: Tenant) => Promise<void> = async () => {},
  ): Promise<void> {
    const { id, generation, status } = this.#tenant;
    this.#tenant = await this.needs.registry.transaction().execute(async (trx) => {
      if (!(await beat(trx, this.run))) throw errors.fenced();
      const changed = await changeTenant(trx, { id, generation, status: [status] }, change);
      if (changed === undefined) throw errors.fenced();
      await more(trx, changed);
      return changed;
    });
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
  }

  async #openSession(): Promise<ServerSession> {
    const server = await this.server();
    const session = await openServerSession(server, {
      applicationName: this.needs.applicationName,
      statementTimeoutMs,
    });
    try {
      await this.#lock(session);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** The registry made this run ours; a process that still holds the lock hangs, and is past its right to it. */
  async #lock(session: ServerSession): Promise<void> {
    const key = `tenant:${this.#tenant.id}`;
    if (!(await session.lock(key, lockWaitMs))) {
      await this.#assertOwned();
      const ended = await endLockHolders(session, key);
      this.needs.log.info({ ended }, 'Ended the session of a predecessor that no longer owns this run');
      if (!(await session.lock(key, lockWaitAfterEndingMs))) {
        throw errors.serverBusy('another session still works on this tenant');
      }
    }
    // Asked with the lock in hand: from here on a successor has to end this very session first.
    await this.#assertOwned();
  }

  async #assertOwned(): Promise<void> {
    if (!(await beat(this.needs.registry, this.run))) throw errors.fenced();
  }
}
