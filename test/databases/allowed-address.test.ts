import { describe, expect, it } from 'vitest';
import { addressFault } from '../../src/databases/allowed-address.ts';

const networks = ['10.0.0.0/8', '192.168.0.0/16', 'fc00::/7', '203.0.113.7'];
const never = async (): Promise<string[]> => {
  throw new Error('an address needs no resolver');
};
const standsFor =
  (...addresses: string[]) =>
  async () =>
    addresses;
const unknownName = async (): Promise<string[]> => {
  throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });
};

describe('an address', () => {
  it.each(['10.1.2.3', '192.168.0.1', 'fd12:3456::1', '203.0.113.7', '::ffff:10.1.2.3'])(
    '%s within the networks is allowed',
    async (host) => {
      expect(await addressFault(host, networks, never)).toBeUndefined();
    },
  );

  it.each([
    '127.0.0.1',
    '::1',
    '8.8.8.8',
    '203.0.113.8',
    '11.0.0.1',
    '100.64.0.1',
    '2001:db8::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
  ])('%s outside of them is not', async (host) => {
    expect(await addressFault(host, networks, never)).toContain('ALLOWED_DATABASE_CIDRS');
  });

  it.each([
    '169.254.169.254',
    '169.254.0.1',
    '0.0.0.0',
    '::',
    'fe80::1',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '100.100.100.200',
    '224.0.0.1',
    '255.255.255.255',
  ])('%s is never allowed, whatever the networks are', async (host) => {
    expect(await addressFault(host, ['0.0.0.0/0', '::/0'], never)).toContain('never');
  });
});

describe('a name', () => {
  it('is allowed when every address that it stands for is', async () => {
    expect(await addressFault('db-1.internal', networks, standsFor('10.0.0.1', 'fd00::1'))).toBeUndefined();
  });

  it.each([
    ['the first', ['169.254.169.254', '10.0.0.1']],
    ['the last', ['10.0.0.1', '169.254.169.254']],
    ['one in disguise', ['10.0.0.1', '::ffff:169.254.169.254']],
  ])('is refused when %s of its addresses must not be', async (_, addresses) => {
    expect(await addressFault('db-1.internal', networks, standsFor(...addresses))).toContain('never');
  });

  it('is refused when it stands for nothing', async () => {
    expect(await addressFault('db-9.internal', networks, unknownName)).toMatch(/no name/);
  });

  it.each([
    '/var/run/postgresql',
    '/tmp',
    '@abstract',
    '',
    'db host',
    'db\u0000host',
    'db.internal/x',
    'db.internal?host=evil',
    'db.internal?sslmode=disable',
    'user@db.internal',
    'user:password@db.internal',
    'db.internal:5432',
    'db.internal,evil.internal',
    'db.internal\r\nevil',
    '[::1]',
    'fe80::1%eth0',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '127.1',
    '0177.0.0.1',
    '127.0.0.1.',
    `${'a'.repeat(64)}.internal`,
    'ünïcode.internal',
    '-oProxyCommand.internal',
  ])('%j is no name of a machine, and is not even looked up', async (host) => {
    expect(await addressFault(host, ['0.0.0.0/0', '::/0'], never)).toEqual(expect.any(String));
  });

  it('does not hide a defect of the resolver', async () => {
    const broken = async (): Promise<string[]> => {
      throw new Error('a defect');
    };
    await expect(addressFault('db-1.internal', networks, broken)).rejects.toThrow('a defect');
  });
});
