import type { FailureReason } from '../classification.js';
import { AUTH, PERMISSION } from './account.js';
import { CONTENT_POLICY } from './content-policy.js';
import { CONTEXT_LENGTH } from './context-length.js';
import { OVERLOADS, RATE_LIMITS, UNUSABLE_OUTPUT } from './limits.js';
import { MODEL_GONE } from './models.js';
import { QUOTA_USED_UP } from './quota.js';
import type { VendorWords } from './row.js';

export type { VendorWords } from './row.js';

/** In the order in which they are asked; rows of anybody stand behind those of their reason, which are more exact. */
export const VENDOR_WORDS: readonly VendorWords[] = [
  ...[...CONTEXT_LENGTH, ...CONTENT_POLICY, ...AUTH, ...PERMISSION, ...MODEL_GONE],
  ...[...RATE_LIMITS, ...OVERLOADS, ...UNUSABLE_OUTPUT, ...QUOTA_USED_UP],
];

type Saying = VendorWords & { readonly says: RegExp };

/** Rows behind one pattern that is true when any of theirs is: most errors are none of a vendor's, and must not pay for each row. */
class Sayings {
  private readonly any: RegExp;

  constructor(private readonly rows: readonly Saying[]) {
    this.any = new RegExp(rows.map(({ says }) => `(?:${says.source})`).join('|') || '$^', 's');
  }

  reasonOf(words: string): FailureReason | undefined {
    return this.any.test(words) ? this.rows.find(({ says }) => says.test(words))?.reason : undefined;
  }
}

const SAYING = VENDOR_WORDS.filter((row): row is Saying => row.says !== undefined);
const ALONE = new Sayings(SAYING.filter(({ only }) => only === undefined));
const AT = new Map<number, Sayings>();

/** What a message means that no status stands beside. @param words in lower case */
export function vendorReason(words: string): FailureReason | undefined {
  return ALONE.reasonOf(words);
}

/** The same beside a status. @param ambiguous the status means several things (400, 403, ...), so that words may tell them apart */
export function vendorReasonAt(status: number, words: string, ambiguous: boolean): FailureReason | undefined {
  let sayings = AT.get(status);
  if (sayings === undefined) {
    const holds = ({ also, only }: Saying) => only?.includes(status) ?? (ambiguous || also?.includes(status) === true);
    sayings = new Sayings(SAYING.filter(holds));
    AT.set(status, sayings);
  }
  return sayings.reasonOf(words);
}
