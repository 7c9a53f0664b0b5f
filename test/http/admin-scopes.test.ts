import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminScope, includesScope, neededScope } from '../../src/http/caller.ts';
import { addressOf, isForOperators, type LiveRoute, liveRoutes } from '../security/live-routes.ts';
import { openPlaceApart, type SecurityPlace } from '../security/security-place.ts';

let place: SecurityPlace;
let routes: LiveRoute[];
beforeAll(async () => {
  place = await openPlaceApart();
  // From then on the worker has made all that it makes by itself.
  await place.register('Ours');
  routes = liveRoutes(place.app).filter(({ access }) => isForOperators(access));
});
afterAll(() => place.stop());

async function keyOf(scope: AdminScope): Promise<string> {
  const body = { name: `a key to ${scope}`, scope };
  const answer = await place.send('POST', '/api/admin/keys', { key: place.adminKey, body });
  expect(answer.statusCode).toBe(201);
  return answer.json().data.key;
}

const scopes = ['read', 'operate', 'owner'] as const;

/** First, since what is let in goes on working. */
describe.each(scopes)('a key of scope %s', (scope) => {
  it('is refused by every admin route that needs more, which then does nothing', async () => {
    const key = await keyOf(scope);
    // The first use is noted with the key.
    await place.send('GET', '/api/admin/stats', { key });
    const beyond = routes.filter(({ access }) => !includesScope(scope, neededScope(access) ?? 'owner'));
    const before = await place.state();
    for (const route of beyond) {
      const answer = await place.send(route.method, addressOf(route), { key });
      const refused = route.method === 'HEAD' ? [answer.statusCode] : [answer.statusCode, answer.json().code];
      expect(refused, route.name).toEqual([403, 'forbidden'].slice(0, refused.length));
    }
    expect(await place.state()).toEqual(before);
    const open = { read: 20, operate: 3, owner: -1 }[scope];
    expect(beyond.length).toBeGreaterThan(open);
  });
});

describe.each(scopes)('a key of scope %s', (scope) => {
  it('is let in by every reading route that needs no more', async () => {
    const key = await keyOf(scope);
    const within = routes.filter(
      ({ access, method }) => method === 'GET' && includesScope(scope, neededScope(access) ?? 'owner'),
    );
    expect(within.length).toBeGreaterThan(8);
    for (const route of within) {
      const answer = await place.send(route.method, addressOf(route), { key, headers: { prefer: 'wait=0' } });
      expect([401, 403], route.name).not.toContain(answer.statusCode);
    }
  });
});

it('every admin route that changes something needs more than to read', () => {
  const changing = routes.filter(({ method }) => !['GET', 'HEAD'].includes(method));
  expect(changing.filter(({ access }) => access === 'operator-read').map(({ name }) => name)).toEqual([]);
  expect(changing.length).toBeGreaterThan(15);
});
