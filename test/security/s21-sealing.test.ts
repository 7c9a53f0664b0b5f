import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertKeys } from '../../src/main/assemble-platform.ts';
import { createMasterSeal } from '../../src/registry/master-seal.ts';
import { publish } from '../../src/registry/messages.ts';
import { createWorkerOpener, createWorkerSealer } from '../../src/registry/worker-seal.ts';
import { openSecurityPlace, type Person, type SecurityPlace } from './security-place.ts';

const sealed = 100_000;
const place = { owner: 'database-1', column: 'application_password' };
const seal = createMasterSeal(randomBytes(32).toString('hex'));
const opener = createWorkerOpener('the secret of the workers, thirty-two bytes or more');
const sealer = createWorkerSealer(opener.publicKey);

const boxOf = (text: string): Buffer => Buffer.from(text.split('.')[2] ?? '', 'base64url');
const withBox = (text: string, box: Buffer) =>
  `${text.split('.').slice(0, 2).join('.')}.${box.toString('base64url')}`;

type Domain = {
  name: string;
  seal: (text: string) => string;
  open: (text: string, context?: typeof place) => string;
};
const dataKey = seal.newDataKey(place.owner);
const domains: Domain[] = [
  {
    name: 'S21.01 the master key',
    seal: (text) => seal.sealText(text, place),
    open: (text, at = place) => seal.unsealText(text, at),
  },
  {
    name: 'S21.02 the key of workers',
    seal: (text) => sealer.sealForWorker(text, place),
    open: (text, at = place) => opener.openAsWorker(text, at),
  },
  {
    name: 'S21.03 the key of a database',
    seal: (text) => `d.d.${seal.sealWithDataKey(dataKey, text, place)}`,
    open: (text, at = place) => seal.unsealWithDataKey(dataKey, text.split('.')[2] ?? '', at),
  },
];

describe.each(domains)('sealed under $name', (domain) => {
  it('no bit can be changed', () => {
    const text = domain.seal('s3cret');
    const box = boxOf(text);
    for (let bit = 0; bit < box.length * 8; bit += 1) {
      const changed = Buffer.from(box);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => domain.open(withBox(text, changed)), `bit ${bit}`).toThrow(/cannot be opened/);
    }
  });

  it('nothing can be cut off or added', () => {
    const text = domain.seal('s3cret');
    const box = boxOf(text);
    for (let length = 0; length < box.length; length += 1) {
      expect(() => domain.open(withBox(text, box.subarray(0, length))), `${length} bytes`).toThrow(
        /cannot be opened/,
      );
    }
    expect(() => domain.open(withBox(text, Buffer.concat([box, Buffer.from([0])])))).toThrow(
      /cannot be opened/,
    );
  });

  it('it opens nowhere but at its own place', () => {
    const text = domain.seal('s3cret');
    expect(domain.open(text)).toBe('s3cret');
    for (const other of [
      { ...place, owner: 'database-2' },
      { ...place, column: 'migrator_password' },
      { owner: place.column, column: place.owner },
      { owner: `${place.owner}","${place.column}`, column: '' },
    ]) {
      expect(() => domain.open(text, other)).toThrow(/cannot be opened/);
    }
  });

  it('an empty and a long text come back whole', () => {
    for (const text of ['', 'é', 'x'.repeat(100_000)]) expect(domain.open(domain.seal(text))).toBe(text);
  });
});

it('S21.04 no nonce comes twice in 100,000 values', () => {
  const nonces = new Set<string>();
  for (let count = 0; count < sealed; count += 1) {
    nonces.add(boxOf(seal.sealText('same', place)).subarray(0, 12).toString('latin1'));
  }
  expect(nonces.size).toBe(sealed);
});

describe('another key', () => {
  const other = createMasterSeal(randomBytes(32).toString('hex'));
  const text = seal.sealText('s3cret', place);
  const broken: [string, () => unknown, RegExp][] = [
    ['S21.05 is told by its mark', () => other.unsealText(text, place), /MASTER_ENCRYPTION_KEY/],
    [
      'S21.06 under the mark of the right one does not open',
      () => other.unsealText(text.replace(/^m1\.\w+/, `m1.${other.keyCheck}`), place),
      /cannot be opened/,
    ],
    [
      'S21.07 of another worker does not open',
      () =>
        createWorkerOpener('the secret of a stranger, as long as the first one').openAsWorker(
          sealer.sealForWorker('x', place),
          place,
        ),
      /cannot be opened/,
    ],
    [
      'S21.08 of another database does not open',
      () =>
        seal.unsealWithDataKey(
          seal.newDataKey(place.owner),
          seal.sealWithDataKey(dataKey, 'x', place),
          place,
        ),
      /cannot be opened/,
    ],
    [
      'S21.09 cannot be taken from another database’s row',
      () => seal.unsealWithDataKey(seal.newDataKey('database-2'), 'x', place),
      /cannot be opened/,
    ],
    [
      'S21.10 of another version is refused',
      () => seal.unsealText(text.replace(/^m1/, 'm2'), place),
      /cannot be opened/,
    ],
    [
      'S21.11 of workers is refused by the master',
      () => seal.unsealText(sealer.sealForWorker('x', place), place),
      /cannot be opened/,
    ],
    [
      'S21.12 of the master is refused by workers',
      () => opener.openAsWorker(text, place),
      /cannot be opened/,
    ],
    ['S21.13 no text at all is refused', () => seal.unsealText('', place), /cannot be opened/],
  ];

  it.each(broken)('%s', (_name, open, message) => {
    expect(open).toThrow(message);
  });
});

describe('in a registry', () => {
  let live: SecurityPlace;
  let first: Person | undefined;
  let second: Person | undefined;

  beforeAll(async () => {
    live = await openSecurityPlace();
    [first, second] = [await live.register('Sealed one'), await live.register('Sealed two')];
  });
  afterAll(() => live.stop());

  const rowsOf = (person: Person | undefined) =>
    live.send('GET', '/api/data/companies', { token: person?.token ?? '' });

  it('S21.14 a password is stored sealed, and nowhere in the clear', async () => {
    const [row] = await live.registryRows(
      `SELECT sealed_application_password AS password, sealed_data_key AS key FROM tenant_registry WHERE id = '${first?.tenantId}'`,
    );
    expect(row?.key).toMatch(/^m1\.[0-9a-f]{8}\./);
    expect(row?.password).toMatch(/^[A-Za-z0-9_-]{40,}$/);
  });

  const swaps: [string, string][] = [
    ['S21.15 the password', 'sealed_application_password'],
    ['S21.16 the key', 'sealed_data_key'],
    ['S21.17 password and key together', 'sealed_application_password, sealed_data_key'],
  ];

  const tell = async (person: Person) =>
    publish(live.platform.registry, { kind: 'tenant.changed', tenantId: person.tenantId, slug: person.slug });

  it.each(swaps)('%s of another tenant opens nobody’s database', async (_name, columns) => {
    if (first === undefined || second === undefined) throw new Error('No tenants.');
    const names = columns.split(', ');
    const kept = await live.registryRows(
      `CREATE TABLE kept AS SELECT * FROM tenant_registry WHERE id = '${first.tenantId}'`,
    );
    expect(kept).toEqual([]);
    const copy = (from: string, id: string) =>
      live.registryRows(
        `UPDATE tenant_registry AS mine SET ${names.map((name) => `${name} = theirs.${name}`).join(', ')}
         FROM ${from} AS theirs WHERE mine.id = '${first?.tenantId}' AND theirs.id = '${id}'`,
      );
    await copy('tenant_registry', second.tenantId);
    await tell(first);
    await expect.poll(async () => (await rowsOf(first)).statusCode).toBeGreaterThanOrEqual(500);
    expect((await rowsOf(first)).body).not.toMatch(/sealed|password|GCM/i);
    expect((await rowsOf(second)).statusCode).toBe(200);
    await copy('kept', first.tenantId);
    await live.registryRows('DROP TABLE kept');
    await tell(first);
    await expect.poll(async () => (await rowsOf(first)).statusCode).toBe(200);
  });

  it('S21.18 a process with another master key, or another key of workers, does not start', async () => {
    const { registry } = live.platform;
    const start = (over: object, check = live.platform.masterSeal.keyCheck) =>
      assertKeys(registry, { ...live.config, ...over }, check);
    await expect(start({})).resolves.toMatchObject({ installationId: expect.any(String) });
    await expect(
      start({}, createMasterSeal('another master key, as long as it has to be').keyCheck),
    ).rejects.toThrow(/MASTER_ENCRYPTION_KEY/);
    await expect(start({ WORKER_SECRET_KEY: 'another secret of the workers, long enough' })).rejects.toThrow(
      /WORKER_SECRET_KEY/,
    );
  });
});
