import { MAX_PAGE_BYTES } from '@nest-resilience/core';

/** What is read together, so that a driver never holds more than a page, or one row that is larger. */
export function groupsOf(rows: readonly { readonly id: string; readonly stored: number | string }[]): string[][] {
  const groups: string[][] = [];
  let room = 0;
  for (const { id, stored } of rows) {
    room -= Number(stored);
    if (room >= 0) groups.at(-1)?.push(id);
    else {
      groups.push([id]);
      room = MAX_PAGE_BYTES - Number(stored);
    }
  }
  return groups;
}
