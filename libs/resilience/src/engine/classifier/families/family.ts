import type { FailureReason, Meaning } from '../classification.js';
import type { Link } from '../link.js';

/** What one client library or vendor calls its failures. */
export interface Family {
  readonly name: string;
  /** How an error is known to be of this family, in words for the documentation. */
  readonly shape: string;
  /** Documents that the rows were taken from. */
  readonly sources: readonly string[];
  readonly rows: ReadonlyMap<string, Meaning>;
  meaningOf(link: Link): Meaning | undefined;
}

/** Codes by what they mean, separated by blanks. A number is an HTTP status that means the same. */
type Rows = Readonly<Partial<Record<FailureReason | 'abort' | number, string>>>;

interface Table extends Pick<Family, 'name' | 'shape' | 'sources'> {
  /** What to look up, the most exact first; undefined for an error of other origin. */
  readonly keysOf: (link: Link) => readonly (string | undefined)[] | undefined;
  readonly rows: Rows;
}

export function family({ keysOf, rows, ...about }: Table): Family {
  const byKey = new Map<string, Meaning>();
  for (const [meaning, codes = ''] of Object.entries(rows)) {
    for (const code of codes.trim().split(/\s+/)) byKey.set(code, (Number(meaning) || meaning) as Meaning);
  }
  return {
    ...about,
    rows: byKey,
    meaningOf(link) {
      for (const key of keysOf(link) ?? []) {
        const meaning = key === undefined ? undefined : byKey.get(key);
        if (meaning !== undefined) return meaning;
      }
      return undefined;
    },
  };
}
