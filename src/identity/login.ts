import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { listMemberships, type Membership } from '../registry/repositories/members.ts';
import {
  findUserByEmail,
  recordLogin,
  replacePasswordHash,
  type User,
} from '../registry/repositories/users.ts';
import type { TenantStatus } from '../registry/tables.generated.ts';
import type { Role } from './access-tokens.ts';
import { normalizeEmail } from './email.ts';
import type { Passwords } from './passwords.ts';
import type { Sessions, TokenPair } from './sessions.ts';

export type Login = {
  email: string;
  password: string;
  tenantKey?: string | undefined;
  userAgent?: string | undefined;
  /** Where it comes from, as limits count it. */
  address?: string | undefined;
};

export type LoggedIn = TokenPair & {
  tenantId: string | null;
  tenantKey: string | null;
  role: Role;
  user: { id: string; email: string; name: string | null; emailVerified: boolean };
};

export type LoginNeeds = {
  database: RegistryDatabase;
  passwords: Passwords;
  startSession: Sessions['startSession'];
};

/** Where a login leads. */
type Destination = { tenantId: string; tenantKey: string; role: Role } | typeof platform;
const platform = { tenantId: null, tenantKey: null, role: 'SUPER_ADMIN' } as const;

export function createLogin({ database, passwords, startSession }: LoginNeeds) {
  /** Unknown address or wrong password: the same work, and the same answer. */
  async function authenticate(email: string, password: string): Promise<User> {
    const user = await findUserByEmail(database, normalizeEmail(email));
    if (user === undefined) await passwords.pretendToVerify(password);
    const isRight = user !== undefined && (await passwords.verifyPassword(user.passwordHash, password));
    if (!isRight) throw errors.invalidCredentials();
    return user;
  }

  async function renewOutdatedHash({ id, passwordHash }: User, password: string): Promise<void> {
    if (!passwords.isOutdated(passwordHash)) return;
    await replacePasswordHash(database, id, {
      from: passwordHash,
      to: await passwords.hashPassword(password),
    });
  }

  /** @returns undefined when the password's hash was replaced between its check and the session's start. */
  async function attempt({ email, password, tenantKey, userAgent }: Login): Promise<LoggedIn | undefined> {
    const user = await authenticate(email, password);
    const destination = chooseDestination(user, await listMemberships(database, user.id), tenantKey);
    const { tenantId } = destination;
    const tokens = await database.transaction().execute(async (executor) => {
      // Locks the person's row: whoever changes the password meanwhile ends this session, or prevents it.
      if (!(await recordLogin(executor, user))) return undefined;
      return startSession({ executor, userId: user.id, tenantId, userAgent });
    });
    if (tokens === undefined) return undefined;
    await renewOutdatedHash(user, password);
    return { ...tokens, ...destination, user: asSeenByItself(user) };
  }

  return {
    /**
     * @throws invalid_credentials; once the password was right: tenant_choice_required, tenant_not_found for a
     * tenant that the person does not belong to, the tenant's error by its status, forbidden without any tenant
     */
    async login(request: Login): Promise<LoggedIn> {
      const loggedIn = (await attempt(request)) ?? (await attempt(request));
      if (loggedIn === undefined) throw errors.invalidCredentials();
      return loggedIn;
    },
  };
}

function chooseDestination(
  user: User,
  memberships: readonly Membership[],
  tenantKey: string | undefined,
): Destination {
  if (tenantKey !== undefined) {
    const named = memberships.find(({ slug }) => slug === tenantKey);
    if (named === undefined) throw errors.tenantNotFound();
    return enter(named);
  }
  if (user.platformRole === 'SUPER_ADMIN') return platform;
  return enter(chooseOnly(memberships));
}

/** A sign-up that failed or still runs, or a deleted tenant, is no reason to ask who has just one other. */
function chooseOnly(memberships: readonly Membership[]): Membership {
  const settled = memberships.filter(({ status }) => settledStatus.includes(status));
  const candidates = settled.length > 0 ? settled : memberships;
  const [only, another] = candidates;
  if (only === undefined) throw errors.forbidden('membership in an organization');
  if (another === undefined) return only;
  const tenants = candidates.map(({ slug, name }) => ({ tenant_key: slug, name }));
  throw errors.tenantChoiceRequired().with({ tenants });
}

function enter({ tenantId, slug, role }: Membership): Destination {
  return { tenantId, tenantKey: slug, role };
}

const settledStatus: readonly TenantStatus[] = ['active', 'suspended', 'read_only', 'maintenance', 'frozen'];

const asSeenByItself = ({ id, email, name, emailVerifiedAt }: User) => ({
  id,
  email,
  name,
  emailVerified: emailVerifiedAt !== null,
});
