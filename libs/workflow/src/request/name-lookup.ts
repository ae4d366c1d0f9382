import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup, Resolver } from 'node:dns/promises';
import type { Clock } from '@nest-resilience/core';
import { isKnownHere } from './hosts-file.js';
import type { Resolve } from './lookup.js';

export interface NameLookupOptions {
  readonly clock: Clock;
  /** `address:port` of DNS servers. @default those of the machine */
  readonly servers?: readonly string[];
  /** Asks as every other program of the machine does. @default `getaddrinfo` */
  readonly system?: Resolve;
  readonly isKnownHere?: (host: string) => Promise<boolean>;
}

export const DEFAULT_NAME_LOOKUP_OPTIONS = {
  /** What one name gets, whoever asks for it. */
  deadlineMs: 5_000,
  /** When addresses of one family are known, those of the other get this long: some servers never answer for IPv6. */
  otherFamilyMs: 200,
} as const;

const askSystem: Resolve = (host) => systemLookup(host, { all: true, verbatim: true });

/**
 * Looks names up without holding anybody else up. `getaddrinfo` cannot be cancelled and shares four threads with everything that
 * reads files or looks names up, so names whose DNS never answers would stop all others. DNS is asked over sockets of our own,
 * which can be. `getaddrinfo` is asked for what this machine knows, and for what DNS said that it does not know (search domains,
 * mDNS): for one such name at a time.
 */
export function nameLookup(options: NameLookupOptions): Resolve {
  const { clock, servers, system = askSystem, isKnownHere: isKnown = isKnownHere } = options;
  const { deadlineMs } = DEFAULT_NAME_LOOKUP_OPTIONS;
  const inFlight = new Map<string, Promise<readonly LookupAddress[]>>();
  let systemIsFree: Promise<unknown> = Promise.resolve();

  const lookUp = async (host: string, stop: AbortSignal): Promise<readonly LookupAddress[]> => {
    if (await isKnown(host)) return system(host);
    const found = await askDns(host, clock, servers, stop);
    if (found.length > 0) return found;
    const mine = systemIsFree.then(() => (stop.aborted ? [] : system(host)));
    systemIsFree = mine.catch(() => undefined);
    return mine;
  };

  return (host) => {
    const known = inFlight.get(host);
    if (known) return known;
    const stop = new AbortController();
    const looking = new Promise<readonly LookupAddress[]>((resolve, reject) => {
      const timer = clock.setTimer(() => {
        reject(noAnswer(host, deadlineMs));
        stop.abort();
      }, deadlineMs);
      lookUp(host, stop.signal).then(resolve, reject).finally(() => timer.cancel()); // prettier-ignore
    }).finally(() => inFlight.delete(host));
    inFlight.set(host, looking);
    return looking;
  };
}

/** Addresses of both families; none when DNS answered that it has none, or that it cannot be asked. */
async function askDns(
  host: string,
  clock: Clock,
  servers: readonly string[] | undefined,
  stop: AbortSignal,
): Promise<readonly LookupAddress[]> {
  // A new one for each name, because it is cancelled as a whole and reads the machine's settings when it is made.
  const resolver = new Resolver();
  if (servers) resolver.setServers(servers);
  const cancel = (): void => resolver.cancel();
  stop.addEventListener('abort', cancel, { once: true });
  let hurry: ReturnType<Clock['setTimer']> | undefined;
  const ask = async (family: 4 | 6): Promise<LookupAddress[]> => {
    const addresses = await (family === 4 ? resolver.resolve4(host) : resolver.resolve6(host));
    hurry ??= clock.setTimer(cancel, DEFAULT_NAME_LOOKUP_OPTIONS.otherFamilyMs);
    return addresses.map((address) => ({ address, family }));
  };
  const answers = await Promise.allSettled([ask(4), ask(6)]);
  hurry?.cancel();
  stop.removeEventListener('abort', cancel);
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const silent = answers.find((answer) => answer.status === 'rejected' && isSilence(answer.reason));
  // Whom DNS does not answer for, getaddrinfo would wait for too.
  if (found.length === 0 && silent) throw noAnswer(host, undefined);
  return found;
}

function isSilence(error: unknown): boolean {
  return ['ETIMEOUT', 'ECANCELLED'].includes(String((error as { code?: unknown }).code));
}

function noAnswer(host: string, ms: number | undefined): Error {
  const within = ms === undefined ? '' : ` within ${ms} ms`;
  return Object.assign(new Error(`DNS did not answer for '${host}'${within}`), { code: 'EAI_AGAIN', hostname: host });
}
