import type { BlockList } from 'node:net';
import { blockList, familyOf, specialKind } from './special-addresses.js';

/** An entry of `requests.allow`. */
export type AllowedDestination = { readonly port: number | undefined } & (
  { readonly host: string; readonly withSubdomains: boolean } | { readonly range: BlockList }
);

/** Whether a text can stand in `requests.allow`. */
export function isDestination(text: string): boolean {
  return readDestination(text) !== undefined;
}

/** `undefined` for a text that names no destination. */
export function readDestination(text: string): AllowedDestination | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)|([0-9a-f:.]+(?:\/\d+)?))(?::(\d{1,5}))?$/i.exec(text.trim());
  if (!match) return undefined;
  const target = (match[1] ?? match[2] ?? match[3] ?? '').toLowerCase();
  const port = match[4] === undefined ? undefined : Number(match[4]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  if (familyOf(target.split('/')[0] ?? '')) {
    try {
      return { range: blockList([target]), port };
    } catch {
      return undefined;
    }
  }
  const withSubdomains = target.startsWith('*.');
  const host = withSubdomains ? target.slice(2) : target;
  if (!/^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(host)) return undefined;
  return { host, withSubdomains, port };
}

/** Why an address may not be called, `undefined` if it may. */
export function refusalOf(
  host: string,
  address: string,
  port: number,
  allow: readonly AllowedDestination[],
): string | undefined {
  const kind = specialKind(address);
  if (kind === undefined) return undefined;
  const allowed = allow.some((entry) => {
    if (entry.port !== undefined && entry.port !== port) return false;
    if ('range' in entry) return entry.range.check(address, familyOf(address) ?? 'ipv4');
    return (kind === 'private' || kind === 'loopback') && isHost(host, entry);
  });
  if (allowed) return undefined;
  return host === address
    ? `${address} is a ${kind} address`
    : `'${host}' resolves to ${address}, which is a ${kind} address`;
}

function isHost(host: string, entry: { readonly host: string; readonly withSubdomains: boolean }): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return entry.withSubdomains ? name.endsWith(`.${entry.host}`) : name === entry.host;
}
