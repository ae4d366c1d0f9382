/** Bytes of a group's rows, where the database names no limit of its own: a fraction of what MariaDB takes in one packet (16 MB). */
export const MAX_GROUP_BYTES = 4_000_000;

/** Bytes of the texts of a row, which are nearly all of it. */
export function rowBytes(row: object): number {
  let bytes = 0;
  for (const value of Object.values(row) as unknown[]) if (typeof value === 'string') bytes += Buffer.byteLength(value);
  return bytes;
}
