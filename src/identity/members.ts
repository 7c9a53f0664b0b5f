import { errors } from '../errors/catalogue.ts';
import type { RegistryTransaction } from '../registry/registry-database.ts';
import { type Actor, recordAudit } from '../registry/repositories/audit-log.ts';
import {
  countAdmins,
  deleteMember,
  type Member,
  type MemberKey,
  recountUsers,
  setMemberRole,
} from '../registry/repositories/members.ts';
import { endSessions } from '../registry/repositories/sessions.ts';
import type { MemberRole } from '../registry/tables.generated.ts';
import { lockExistingSeats, readMember } from './seats.ts';
import type { ChangeSessionsOf } from './session-changes.ts';

export type RoleChange = { key: MemberKey; role: MemberRole; actor: Actor };

/** Changes of who belongs to a tenant, and as what. */
export function createMembers({ changeSessionsOf }: { changeSessionsOf: ChangeSessionsOf }) {
  return {
    /** Access tokens with the former role end. @throws not_found, last_admin */
    async changeRole({ key, role, actor }: RoleChange): Promise<Member> {
      return changeSessionsOf(key.userId, async (trx) => {
        await lockExistingSeats(trx, key.tenantId);
        const before = await readMember(trx, key);
        await setMemberRole(trx, key, role);
        await assertAdminLeft(trx, key.tenantId);
        await recordAudit(trx, {
          actor,
          action: 'member.role_changed',
          tenantId: key.tenantId,
          before: { user_id: key.userId, role: before.role },
          after: { user_id: key.userId, role },
        });
        return { ...before, role };
      });
    },

    /** Ends the person's sessions in this tenant; their account stays. @throws not_found, last_admin */
    async removeMember({ key, actor }: { key: MemberKey; actor: Actor }): Promise<void> {
      const { tenantId, userId } = key;
      await changeSessionsOf(userId, async (trx) => {
        await lockExistingSeats(trx, tenantId);
        const { email, role } = await readMember(trx, key);
        await deleteMember(trx, key);
        await assertAdminLeft(trx, tenantId);
        await endSessions(trx, { userId, tenantId }, 'member_removed');
        await recountUsers(trx, tenantId);
        await recordAudit(trx, {
          actor,
          action: 'member.removed',
          tenantId,
          before: { user_id: userId, email, role },
        });
      });
    },
  };
}

/** Looked at after the change and under the lock: two ADMINs who remove each other cannot both succeed. */
async function assertAdminLeft(trx: RegistryTransaction, tenantId: string): Promise<void> {
  if ((await countAdmins(trx, tenantId)) === 0) throw errors.lastAdmin();
}
