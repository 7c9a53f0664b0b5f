import { describe, expect, it } from 'vitest';
import { goodPassword } from '../identity/identity-bench.ts';
import { useIdentityApp } from './identity-app.ts';

const api = useIdentityApp({ givesDatabasePassword: true });

describe('login with LOGIN_RETURNS_DATABASE_CREDENTIALS', () => {
  it.each([
    ['ADMIN', true],
    ['USER', false],
  ] as const)('of a member with the role %s shows the password: %s', async (role, isShown) => {
    const { person } = await api.makeMember(role);
    const body = { email: person.email, password: goodPassword };
    const answer = await api.send('POST', '/api/auth/login', { body });
    expect(answer.json().data.database_url.includes(':its-password@')).toBe(isShown);
  });
});
