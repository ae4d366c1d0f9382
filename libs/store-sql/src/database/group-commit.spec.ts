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

describe('GroupCommit', () => {
  it('lets the callers of one tick share a transaction, and gives each its own result', async () => {
    const { groups, commit } = committing();
    const group = new GroupCommit(commit, 100);

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
    }, 100);

    const one = group.add('a');
    await first;
    const others = ['b', 'c'].map((item) => group.add(item));
    finish();
    await Promise.all([one, ...others]);

    expect(groups).toEqual([['a'], ['b', 'c']]);
  });

  it('splits what is more than one transaction should hold', async () => {
    const { groups, commit } = committing();
    const group = new GroupCommit(commit, 2);

    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((item) => group.add(item)));

    expect(groups).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('lets an item that is refused fail alone, with the error of the database', async () => {
    const { commit } = committing(['c', 'f']);
    const group = new GroupCommit(commit, 100);

    const results = await Promise.allSettled(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((item) => group.add(item)));

    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason)))).toEqual([
      ...['A', 'B', 'Error: no c', 'D', 'E', 'Error: no f', 'G'],
    ]);
  });

  it('tells all of them at once when the database itself fails, and tries again with the next ones', async () => {
    const { groups, commit } = committing([], new Error('disk full'));
    const group = new GroupCommit(commit, 100);

    const results = await Promise.allSettled(['a', 'b', 'c'].map((item) => group.add(item)));
    await expect(group.add('d')).rejects.toThrow('disk full');

    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(groups).toEqual([['a', 'b', 'c'], ['d']]);
  });
});
