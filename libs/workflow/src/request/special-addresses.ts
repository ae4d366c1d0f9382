import { BlockList, isIP } from 'node:net';

/** Ranges that are no public unicast address, from the IANA special-purpose address registries. */
const RANGES: readonly (readonly [kind: string, ranges: readonly string[]])[] = [
  ['loopback', ['127.0.0.0/8', '::1/128']],
  // Instance metadata of clouds lives here (169.254.169.254), and at two unique local addresses below.
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  // A public address that only machines of Azure reach, and that tells them their certificates and settings.
  ['cloud platform', ['168.63.129.16/32']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10']],
  ['unspecified', ['0.0.0.0/8', '::/128']],
  ['multicast or broadcast', ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8']],
  [
    'reserved',
    [
      ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
      ...['240.0.0.0/4', '100::/64', '100:0:0:1::/64', '2001:db8::/32', '3fff::/20', '5f00::/16'],
    ],
  ],
  // These carry an IPv4 address inside, which a gateway may unpack.
  ['translated', ['64:ff9b::/96', '64:ff9b:1::/48', '2001::/23', '2002::/16', '::ffff:0:0:0/96', '::/96']],
];

const LISTS = RANGES.map(([kind, ranges]) => ({ kind, list: blockList(ranges) }));

/** What kind of special address it is; `undefined` for a public one. */
export function specialKind(address: string): string | undefined {
  const family = familyOf(address);
  if (!family) return 'unreadable';
  // `fe80::1%eth0`: the zone says nothing about the range.
  const bare = address.split('%')[0] ?? address;
  return LISTS.find(({ list }) => list.check(bare, family))?.kind;
}

export function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined;
}

/** @throws Error for a text that is no address or range */
export function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', length] = range.split('/');
    const family = familyOf(address);
    if (!family) throw new RangeError(`'${range}' is no address or range`);
    if (length === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(length), family);
  }
  return list;
}
