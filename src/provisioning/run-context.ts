import type { DatabaseServer, NeutralRoles, TenantDatabaseNames } from '../databases/database-server.ts';
import { endLockHolders } from '../databases/lock-holders.ts';
import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import { errors } from '../errors/catalogue.ts';
import type {
  RegistryDatabase,
  RegistryExecutor,
  RegistryTransaction,
} from '../registry/registry-database.ts';
import { beat, type OwnedRun } from '../registry/repositories/provisioning-runs.ts';
import { lockTenant } from '../registry/repositories/tenant-locks.ts';
import { changeTenant, type Tenant, type TenantChange } from '../registry/repositories/tenants.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Around } from './failpoints.ts';

/** Told of each attempt at a step, and at taking it back. */
export type ObserveStep = (step: string, outcome: 'done' | 'failed', seconds: number) => void;

export type RunContextNeeds = {
  registry: RegistryDatabase;
  serverOf: (serverId: string) => Promise<DatabaseServer>;
  neutral: NeutralRoles;
  applicationName: string;
  around: Around;
  /** Instead of each step's own. */
  stepDeadlineMs?: number | undefined;
  observeStep?: ObserveStep | undefined;
  log: Logger;
};

/** How long a step waits for the lock of a predecessor whose session is still ending. */
const lockWaitMs = 2_000;
const lockWaitAfterEndingMs = 10_000;
const statementTimeoutMs = 120_000;

export type RunContextParts = {
  run: OwnedRun;
  tenant: Tenant;
  needs: RunContextNeeds;
  /** Whoever works stops where it can: the process ends. */
  signal: AbortSignal;
  /** Nothing is waited for any more: the run is another's, or cancelled. */
  lost?: AbortSignal;
  /** Undo goes on although the run is cancelled; that is what it carries out. */
  isTakingBack?: boolean;
};

/**
 * What the steps of one attempt share: the tenant's row, one session on its server that holds the tenant's
 * lock, and writes that are refused once another process has taken the run over, or this attempt was closed.
 */
export class RunContext {
  readonly run: OwnedRun;
  readonly needs: RunContextNeeds;
  readonly lost: AbortSignal;
  readonly #stop: AbortSignal;
  readonly #isTakingBack: boolean;
  #stepLimit: AbortSignal | undefined;
  #tenant: Tenant;
  #server: DatabaseServer | undefined;
  #session: ServerSession | undefined;
  #opening: Promise<ServerSession> | undefined;
  #noted: TenantChange = {};
  readonly #closing = new AbortController();

  constructor({ run, tenant, needs, signal, lost, isTakingBack }: RunContextParts) {
    this.run = run;
    this.needs = needs;
    this.lost = lost ?? new AbortController().signal;
    this.#stop = signal;
    this.#isTakingBack = isTakingBack ?? false;
    this.#tenant = tenant;
  }

  /** What a step heeds: its own limit, the end of the process, the loss of the run. */
  get signal(): AbortSignal {
    const limits = this.#stepLimit === undefined ? [] : [this.#stepLimit];
    return AbortSignal.any([this.#stop, this.lost, this.#closing.signal, ...limits]);
  }

  /** Sets the limit of the step that begins. */
  limitStep(limit: AbortSignal | undefined): void {
    this.#stepLimit = limit;
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
    const { serverId } = this.#tenant;
    if (serverId === null) throw errors.fenced();
    // Each step asks; a server that moves meanwhile is found by the next attempt.
    if (this.#server?.id !== serverId) this.#server = await this.needs.serverOf(serverId);
    return this.#server;
  }

  /**
   * The session that does everything on the server. It holds the tenant's lock from its first moment, so that
   * whoever comes after a crash waits until the server has finished what the crash left running.
   */
  async session(): Promise<ServerSession> {
    this.#assertOpen();
    if (this.#session !== undefined) return this.#session;
    this.#opening ??= this.#openForThis().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Begins to open the session while something else is done. Whoever asks for it hears what came of it. */
  foreseeSession(): void {
    this.session().catch(() => undefined);
  }

  /**
   * A change that is written with the next `save`, for what a step finds out again when it is repeated. `tenant`
   * has it from that save on.
   */
  note(change: TenantChange): void {
    this.#noted = { ...this.#noted, ...change };
  }

  /**
   * A change of the tenant's row, in one transaction with `more`, refused when this run is another's by now.
   * A change that depends on other rows is worked out within the transaction, with tenant and run locked.
   * @throws fenced, run_cancelled
   */
  async save(
    change: TenantChange | ((trx: RegistryTransaction) => Promise<TenantChange>),
    more: (trx: RegistryTransaction, tenant: Tenant) => Promise<void> = async () => {},
  ): Promise<void> {
    this.#assertOpen();
    const { id, generation, status } = this.#tenant;
    this.#tenant = await this.needs.registry.transaction().execute(async (trx) => {
      // In the order of those who change a tenant and end its run.
      await lockTenant(trx, id);
      await this.#assertOwned(trx);
      const values = typeof change === 'function' ? await change(trx) : change;
      const all = { ...this.#noted, ...values };
      const changed = await changeTenant(trx, { id, generation, status: [status] }, all);
      if (changed === undefined) throw errors.fenced();
      await more(trx, changed);
      this.#assertOpen();
      return changed;
    });
    this.#noted = {};
  }

  /** Ends the session and the attempt: a step that hangs may wake up later, and finds every door closed. */
  async close(): Promise<void> {
    this.#closing.abort(errors.fenced());
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }

  async #openForThis(): Promise<ServerSession> {
    const session = await this.#openSession();
    if (this.#closing.signal.aborted) await session.close();
    this.#assertOpen();
    this.#session = session;
    return session;
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

  async #assertOwned(executor: RegistryExecutor = this.needs.registry): Promise<void> {
    const standing = await beat(executor, this.run);
    if (standing === 'lost') throw errors.fenced();
    if (standing === 'cancelled' && !this.#isTakingBack) throw errors.runCancelled();
  }

  #assertOpen(): void {
    this.#closing.signal.throwIfAborted();
  }
}
