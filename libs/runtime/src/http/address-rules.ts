import { BlockList, isIPv4, isIPv6 } from 'node:net';

/*
 * Which addresses webhooks may be sent to. By default public unicast ones only, after IANA's registries of
 * special-purpose addresses (iana.org/assignments/iana-ipv4-special-registry and -ipv6-special-registry).
 *
 *   in the operator's deny list   blocked
 *   in the operator's allow list  allowed    also for names that are never public, such as `localhost`
 *   public unicast                public
 *   everything else               blocked
 *
 * IPv4 is open except for what is listed here; IPv6 is closed except for 2000::/3, less what is listed here. Addresses
 * that carry an IPv4 address to a translator (NAT64, 6to4, Teredo) are blocked altogether: what is behind them is not
 * known.
 */

const NOT_PUBLIC_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  // Azure's WireServer and Alibaba's metadata service look public or shared, but answer virtual machines only.
  '168.63.129.16/32',
  '100.100.100.200/32',
];

const GLOBAL_V6 = '2000::/3';
const NOT_PUBLIC_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'];

type AddressClass = 'public' | 'allowed' | 'blocked';

export interface AddressRules {
  /** Anything that is not an address is blocked, and so is an address with a zone. */
  classify(address: string): AddressClass;
}

/** A subnet in CIDR notation; a bare address is a subnet of one. */
export function isCidr(text: string): boolean {
  return parseCidr(text) !== undefined;
}

/** @throws TypeError for a list with anything other than subnets in it. */
export function createAddressRules(lists: {
  allowCidrs: readonly string[];
  denyCidrs: readonly string[];
}): AddressRules {
  const allowed = listOf(lists.allowCidrs);
  const denied = listOf(lists.denyCidrs);
  const global6 = listOf([GLOBAL_V6]);
  const notPublic = listOf([...NOT_PUBLIC_V4, ...NOT_PUBLIC_V6]);
  return {
    classify(text) {
      const address = unmapped(text);
      const family = isIPv4(address) ? 'ipv4' : 'ipv6';
      if (family === 'ipv6' && (!isIPv6(address) || address.includes('%'))) return 'blocked';
      if (denied.check(address, family)) return 'blocked';
      if (allowed.check(address, family)) return 'allowed';
      if (notPublic.check(address, family)) return 'blocked';
      return family === 'ipv4' || global6.check(address, family) ? 'public' : 'blocked';
    },
  };
}

function listOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of cidrs) {
    const cidr = parseCidr(text);
    if (!cidr) throw new TypeError(`not a subnet: ${text}`);
    list.addSubnet(cidr.address, cidr.bits, cidr.family);
  }
  return list;
}

function parseCidr(text: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [, address = '', suffix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
  if (!family) return undefined;
  const most = family === 'ipv4' ? 32 : 128;
  const bits = suffix === undefined ? most : Number(suffix);
  return bits <= most ? { address, bits, family } : undefined;
}

/** An IPv4-mapped address (`::ffff:a.b.c.d`, in any spelling) reaches the IPv4 address itself. */
function unmapped(address: string): string {
  if (!isIPv6(address) || address.includes('%')) return address;
  // The URL parser has one spelling for each address.
  const canonical = new URL(`http://[${address}]`).hostname;
  const [, high, low] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return address;
  const words = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return words.flatMap((word) => [word >> 8, word & 255]).join('.');
}

/** Names that mean this machine or this network, whatever a name server says: valid for allowed addresses only. */
export function isNeverPublic(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  return !name.includes('.') || /(?:^|\.)(?:localhost|local|internal|home\.arpa|lan)$/.test(name);
}
