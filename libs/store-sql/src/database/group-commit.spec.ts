import { describe, expect, it } from '@jest/globals';
import { GroupCommit, ItemRefused } from './group-commit.js';

function committing(refused: readonly string[] = [], down?: Error) {
  const groups: string[][] = [];
  const commit = (items: readonly string[]): Promise<string[]> => {
    groups.push([...items]);
    if (down) return Promise.reject(down);
    const bad = items.find((item) => refused.includes(item));
    return bad === undefined
      ? Promise.resolve(items.map((item) => item.toUpperCase()))
      : Promise.reject(new ItemRefused(new Error(`no ${bad}`)));
  };
  return { groups, commit };
}

/** An item is as many bytes as it has letters. */
function limitsOf({ items = 100, bytes = 100 } = {}) {
  return { items, bytes: () => bytes, bytesOf: (item: string) => item.length };
}

describe('GroupCommit', () => {
  it('lets the callers of one tick share a transaction, and gives each its own result', async () => {
    const { groups, commit } = committing();
    const group = new GroupCommit(commit, limitsOf());

    const results = await Promise.all(['a', 'b', 'c'].map((item) => group.add(item)));

    expect(results).toEqual(['A', 'B', 'C']);
    expect(groups).toEqual([['a', 'b', 'c']]);
  });

  it('puts those that come while a transaction is under way into the next one together', async () => {
    const groups: string[][] = [];
    let finish: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const first = new Promise<void>((resolve) => (begun = resolve));
    const group = new GroupCommit<string, string>(async (items) => {
      groups.push([...items]);
      if (groups.length === 1) {
        begun();
        await new Promise<void>((resolve) => (finish = resolve));
      }
      return items;
    }, limitsOf());

    const one = group.add('a');
    await first;
    const others = ['b', 'c'].map((item) => group.add(item));
    finish();
    await Promise.all([one, ...others]);

    expect(groups).toEqual([['a'], ['b', 'c']]);
  });

  it('splits what is more than one transaction should hold', async () => {
    const { groups, commit } = committing();
    const group = new GroupCommit(commit, limitsOf({ items: 2 }));

    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((item) => group.add(item)));

    expect(groups).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it.each([
    [
      ['aaa', 'bb', 'c', 'dddd', 'e'],
      [['aaa', 'bb'], ['c', 'dddd'], ['e']],
    ],
    [
      ['a', 'bbbbbbbbb', 'c', 'd'],
      [['a'], ['bbbbbbbbb'], ['c', 'd']],
    ],
    [
      ['bbbbbbbbb', 'bbbbbb'],
      [['bbbbbbbbb'], ['bbbbbb']],
    ],
  ])('splits by bytes, and what is more than a transaction should hold goes alone: %j', async (items, wanted) => {
    const { groups, commit } = committing();
    const group = new GroupCommit(commit, limitsOf({ bytes: 5 }));

    const results = await Promise.all(items.map((item) => group.add(item)));

    expect(groups).toEqual(wanted);
    expect(results).toEqual(items.map((item) => item.toUpperCase()));
  });

  it('lets an item that is refused fail alone, with the error of the database', async () => {
    const { commit } = committing(['c', 'f']);
    const group = new GroupCommit(commit, limitsOf());

    const results = await Promise.allSettled(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((item) => group.add(item)));

    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason)))).toEqual([
      ...['A', 'B', 'Error: no c', 'D', 'E', 'Error: no f', 'G'],
    ]);
  });

  it('tells all of them at once when the database itself fails, and tries again with the next ones', async () => {
    const { groups, commit } = committing([], new Error('disk full'));
    const group = new GroupCommit(commit, limitsOf());

    const results = await Promise.allSettled(['a', 'b', 'c'].map((item) => group.add(item)));
    await expect(group.add('d')).rejects.toThrow('disk full');

    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(groups).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it.each([
    ['a value that does not fit', { code: '22001' }, 5],
    ['a cut connection, which may be for one that is too large', { code: 'ECONNRESET' }, 5],
    ['two that inserted one key', { code: '23505' }, 5],
    ['a full disk', { code: '53100' }, 1],
    ['a lock that somebody holds', { code: '55P03' }, 1],
    ['a statement that took too long', { code: '57014' }, 1],
    ['a server that may not be written', { code: 'ER_OPTION_PREVENTS_STATEMENT' }, 1],
    ['no answer', { message: 'Query read timeout' }, 1],
  ])('looks for the one only where it may be one item: %s', async (_, fields, tries) => {
    let tried = 0;
    const group = new GroupCommit<string, string>(async () => {
      tried++;
      return ItemRefused.rethrow(Object.assign(new Error('no'), fields));
    }, limitsOf());

    const results = await Promise.allSettled(['a', 'b', 'c'].map((item) => group.add(item)));

    expect(results.map((result) => (result as PromiseRejectedResult).reason as unknown)).toEqual(
      Array(3).fill(expect.objectContaining(fields)),
    );
    expect(tried).toBe(tries);
  });
});
