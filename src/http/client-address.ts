import { isIPv6 } from 'node:net';

/**
 * The address as limits count it: of IPv6 the network of 64 bits, of which one subscriber has all addresses; an
 * IPv4 address in whatever clothes as itself.
 */
export function clientAddress(ip: string): string {
  const [address = ip] = ip.split('%', 1);
  if (!isIPv6(address)) return address;
  const groups = expand(new URL(`http://[${address}]`).hostname.slice(1, -1));
  const isMapped = groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff';
  if (!isMapped) return `${groups.slice(0, 4).join(':')}::/64`;
  const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight groups of an address as the URL parser writes it. */
function expand(canonical: string): string[] {
  const [head = '', tail] = canonical.split('::');
  const parts = (text: string) => (text === '' ? [] : text.split(':'));
  if (tail === undefined) return parts(head);
  const missing = 8 - parts(head).length - parts(tail).length;
  return [...parts(head), ...Array<string>(missing).fill('0'), ...parts(tail)];
}
