import type pg from 'pg';
import { errors } from '../errors/catalogue.ts';
import { madeAfterInitdb, ofNoExtension } from './fingerprint-context.ts';
import type { SourceEventTrigger } from './source-objects.ts';
import { serverFailure } from './sql-state.ts';

/** An event trigger that tenants do not get, and why. */
export type RefusedTrigger = { readonly trigger: SourceEventTrigger; readonly why: string };

const RUNS_AS_OWNER = 'its function is SECURITY DEFINER and would run as superuser in every tenant';

export function refusedInSource(triggers: readonly SourceEventTrigger[]): RefusedTrigger[] {
  return triggers
    .filter(({ isSecurityDefiner }) => isSecurityDefiner)
    .map((trigger) => ({ trigger, why: RUNS_AS_OWNER }));
}

/**
 * Takes the functions of event triggers away from the neutral owner: a tenant's migrator could replace one and
 * wait for a statement of the platform. To be called when no code of the source is run any more. Each is judged
 * as it is in the template: until now that code could replace it, and the source could be changed around the dump.
 */
export async function takeTriggerFunctions(
  platform: pg.Client,
  triggers: readonly SourceEventTrigger[],
): Promise<RefusedTrigger[]> {
  const refused: RefusedTrigger[] = [];
  for (const trigger of triggers) {
    const why = await takeFunction(platform, trigger);
    if (why !== undefined) refused.push({ trigger, why });
  }
  return refused;
}

/** Judged after it was taken and before that is committed: from then on nobody else can replace it. */
async function takeFunction(platform: pg.Client, trigger: SourceEventTrigger): Promise<string | undefined> {
  // An extension's: the platform has made and owns it.
  if (trigger.function === null) return undefined;
  if ((await readFunction(platform, trigger.function)) === undefined) return 'its function was not restored';
  await platform.query('BEGIN');
  try {
    await platform.query(`ALTER FUNCTION ${trigger.function} OWNER TO CURRENT_USER`);
    const why = judge(trigger, await readFunction(platform, trigger.function));
    await platform.query(why === undefined ? 'COMMIT' : 'ROLLBACK');
    return why;
  } catch (error) {
    await platform.query('ROLLBACK');
    const failure = serverFailure(error);
    // On managed servers the platform's login is no superuser.
    if (failure?.code === '42501') return failure.message;
    throw error;
  }
}

type FoundFunction = { isSecurityDefiner: boolean; isOurs: boolean; definition: string };

async function readFunction(platform: pg.Client, signature: string): Promise<FoundFunction | undefined> {
  const { rows } = await platform.query<FoundFunction>(
    `SELECT p.prosecdef AS "isSecurityDefiner", p.proowner = current_user::regrole AS "isOurs",
            md5(pg_get_functiondef(p.oid)) AS definition
       FROM pg_proc p WHERE p.oid = to_regprocedure($1)`,
    [signature],
  );
  return rows[0];
}

function judge(trigger: SourceEventTrigger, found: FoundFunction | undefined): string | undefined {
  if (found?.isOurs !== true) return 'its function could not be taken from the owner';
  if (found.isSecurityDefiner) return RUNS_AS_OWNER;
  if (found.definition === trigger.definition) return undefined;
  return 'its function was replaced by code of the source while the template was made';
}

/**
 * The last word on the event triggers that there are, whatever their functions are called.
 * Throws `template_restore_failed`.
 */
export async function assertTriggersSafe(platform: pg.Client): Promise<void> {
  const { rows } = await platform.query<{ name: string }>(
    `SELECT quote_ident(t.evtname) AS name FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid
      WHERE ${madeAfterInitdb('pg_event_trigger', 't')} AND ${ofNoExtension('pg_proc', 'p.oid')}
        AND (p.prosecdef OR p.proowner <> current_user::regrole)`,
  );
  const [unsafe] = rows;
  if (unsafe === undefined) return;
  throw errors.restoreFailed(
    `the event trigger ${unsafe.name} calls another function than it did when the source was looked at`,
  );
}
