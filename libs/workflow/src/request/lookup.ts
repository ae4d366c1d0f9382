import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/**
 * A lookup for `net.connect`, which then connects to what was checked and asks nobody again. One refused address refuses the name:
 * an honest public name has no private one.
 */
export function checkedLookup(
  resolve: Resolve,
  refuse: (host: string, address: string) => Error | undefined,
): LookupFunction {
  return (host, options, callback) => {
    resolve(host).then(
      (addresses) => {
        const [first] = addresses;
        const refused = addresses.map(({ address }) => refuse(host, address)).find((error) => error !== undefined);
        if (refused) callback(refused, '');
        else if (!first) callback(Object.assign(new Error(`'${host}' has no address`), { code: 'ENOTFOUND' }), '');
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, ''),
    );
  };
}
