/** The invariants of an installation, as `ARCHITECTURE.md` and the decision records name them. */
type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I8';

/** Every kind of finding, with the invariant that it breaks. */
export const findingKinds = {
  registration_lost: 'I1',
  run_missing: 'I1',
  run_stuck: 'I1',
  run_needs_attention: 'I1',
  task_stuck: 'I1',
  database_missing: 'I2',
  database_half_dropped: 'I2',
  database_orphaned: 'I2',
  database_foreign: 'I2',
  role_missing: 'I2',
  role_orphaned: 'I2',
  role_foreign: 'I2',
  template_lost: 'I2',
  warm_database_broken: 'I2',
  quarantined_gone: 'I2',
  quarantined_named: 'I2',
  quarantined_open: 'I2',
  database_open: 'I3',
  database_closed: 'I3',
  database_not_ours: 'I3',
  database_entered_by_others: 'I3',
  role_powerful: 'I3',
  role_misplaced: 'I3',
  role_shared: 'I3',
  role_shut_out: 'I3',
  password_refused: 'I3',
  password_unreadable: 'I3',
  rotation_unfinished: 'I3',
  login_refused: 'I3',
  fingerprint_missing: 'I3',
  fingerprint_differs: 'I3',
  admin_missing: 'I3',
  session_left: 'I4',
  event_missing: 'I5',
  event_repeated: 'I5',
  secret_in_clear: 'I6',
  connection_limit_differs: 'I8',
  connections_over_budget: 'I8',
} as const satisfies Record<string, Invariant>;

export type FindingKind = keyof typeof findingKinds;

/** What `apply` does about a finding, and the sentence that `plan` says. */
export const repairSentences = {
  restart_run: 'start a new run that goes on with it',
  finish_rotation: 'set the new passwords and take them over',
  ring_run: 'ring for the run again',
  ring_task: 'ring for the task again',
  put_to_maintenance: 'refuse its requests, and list it for an operator',
  repair_roles: 'bring its two roles to what the registry says, their passwords included',
  seal: 'let its own two roles in and nobody else',
  reclaim: 'make it the platform’s own again, and let its own two roles in and nobody else',
  set_password: 'set the passwords that the registry holds',
  drop_half_dropped: 'finish the interrupted DROP DATABASE',
  quarantine: 'shut it and keep it; it is dropped only on an operator’s word',
  drop_role: 'drop the role',
  drop_template: 'drop it: a template is built anew from its source',
  lose_template: 'give it up and build a new one from the source',
  retire_warm: 'take it out of the pool; a new one is made',
  forget_quarantined: 'forget it',
  close_again: 'shut it again',
  end_sessions: 'end its sessions',
  tell_event: 'leave the event that is missing',
  take_back_events: 'take back those that nobody was told yet',
} as const;

export type RepairAction = keyof typeof repairSentences;

export type Finding = {
  invariant: Invariant;
  kind: FindingKind;
  /** Name of the server that it is about; null for the registry itself. */
  server: string | null;
  /** The name of the thing: a database, a role, a tenant's slug, a row. */
  subject: string;
  tenant_id?: string;
  /** One sentence for an operator. */
  detail: string;
  /** Left out where only a person can decide. */
  repair?: { action: RepairAction; sentence: string };
};

/** What a finding is about, for its repair; never shown. */
export type Target =
  | { of: 'tenant'; serverId: string; tenantId: string }
  | { of: 'object'; serverId: string; name: string }
  | { of: 'warm'; serverId: string; id: string }
  | { of: 'copy'; serverId: string; id: string; name: string }
  | { of: 'quarantine'; serverId: string; id: string; name: string }
  | { of: 'run'; tenantId: string; generation: number }
  | { of: 'task'; id: string }
  | { of: 'registry'; tenantId: string }
  | { of: 'nothing' };

export type Found = {
  kind: FindingKind;
  server: string | null;
  subject: string;
  tenantId?: string;
  detail: string;
  action?: RepairAction;
  /** In use by somebody whom the registry does not know: only an operator's word touches it. */
  isInUse?: true;
  target: Target;
};

/** The same finding in two looks has the same key. */
export function keyOf({ kind, server, subject }: Pick<Found, 'kind' | 'server' | 'subject'>): string {
  return JSON.stringify([kind, server, subject]);
}

export function toFinding({ kind, server, subject, tenantId, detail, action }: Found): Finding {
  return {
    invariant: findingKinds[kind],
    kind,
    server,
    subject,
    ...(tenantId !== undefined && { tenant_id: tenantId }),
    detail,
    ...(action !== undefined && { repair: { action, sentence: repairSentences[action] } }),
  };
}
