import { lookup as lookUp } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';

export type Resolve = (host: string) => Promise<readonly string[]>;

/** Where no database server is: this host as nobody names it, links, clouds' metadata services, groups. */
const neverAllowed = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
];

/** A name of DNS, an IPv4 address or an IPv6 address: no socket's path, no login, no port, no options. */
const hostName = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*$/;
/** `2130706433`, `0x7f.1`, `127.1`: resolvers take them for addresses, and people do not see which. */
const disguisedAddress = /(^|\.)(\d+|0[xX][0-9a-fA-F]*)$/;

const resolveAll: Resolve = async (host) =>
  (await lookUp(host, { all: true, verbatim: true })).map(({ address }) => address);

/**
 * Looks at every address that a host stands for.
 * @returns why no connection is made to it, as the end of a sentence; undefined where it may be.
 */
export async function addressFault(
  host: string,
  networks: readonly string[],
  resolve: Resolve = resolveAll,
): Promise<string | undefined> {
  const shape = shapeFault(host);
  if (shape !== undefined) return shape;
  const [never, allowed] = [blockListOf(neverAllowed), blockListOf(networks)];
  const addresses = isIP(host) === 0 ? await resolveQuietly(resolve, host) : [host];
  if (addresses.length === 0) return 'is no name that can be resolved here';
  for (const address of addresses) {
    const stands = address === host ? host : `${host} stands for ${address}, which`;
    if (contains(never, address))
      return `must not be such an address: ${stands} is never a database server's`;
    if (!contains(allowed, address)) {
      return `must be within ALLOWED_DATABASE_CIDRS (${networks.join(', ')}): ${stands} is not`;
    }
  }
  return undefined;
}

function shapeFault(host: string): string | undefined {
  if (isIP(host) !== 0) return host.includes('%') ? 'must be an address without a zone' : undefined;
  if (!hostName.test(host) || disguisedAddress.test(host)) {
    return 'must be the name or the address of a machine, and nothing else';
  }
  return undefined;
}

async function resolveQuietly(resolve: Resolve, host: string): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch (error) {
    // ENOTFOUND and its like are the answer to the question; anything else is a defect.
    if (error instanceof Error && 'code' in error && 'syscall' in error) return [];
    throw error;
  }
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const [family, whole] = isIP(address) === 6 ? (['ipv6', 128] as const) : (['ipv4', 32] as const);
    list.addSubnet(address, prefix === undefined ? whole : Number(prefix), family);
  }
  return list;
}

/** An IPv4 address in the clothes of IPv6 is the IPv4 address. */
function contains(list: BlockList, address: string): boolean {
  const mapped = mappedAddress(address);
  if (mapped !== undefined) return list.check(mapped, 'ipv4');
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function mappedAddress(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const canonical = new URL(`http://[${address}]`).hostname;
  const match = /^\[::(?:ffff:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(canonical);
  if (match === null) return undefined;
  const [high, low] = [Number.parseInt(match[1] ?? '0', 16), Number.parseInt(match[2] ?? '0', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
