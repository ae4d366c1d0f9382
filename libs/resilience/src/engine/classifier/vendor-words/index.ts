import type { FailureReason } from '../classification.js';
import { AUTH, PERMISSION, QUOTA_USED_UP } from './account.js';
import { CONTENT_POLICY } from './content-policy.js';
import { CONTEXT_LENGTH } from './context-length.js';
import { OVERLOADS, RATE_LIMITS, UNUSABLE_OUTPUT } from './limits.js';
import { MODEL_GONE } from './models.js';
import type { VendorWords } from './row.js';

export type { VendorWords } from './row.js';

/** In the order in which they are asked; rows of anybody stand behind those of their reason, which are more exact. */
export const VENDOR_WORDS: readonly VendorWords[] = [
  ...[...CONTEXT_LENGTH, ...CONTENT_POLICY, ...AUTH, ...PERMISSION, ...MODEL_GONE],
  ...[...RATE_LIMITS, ...OVERLOADS, ...UNUSABLE_OUTPUT, ...QUOTA_USED_UP],
];

type Saying = VendorWords & { readonly says: RegExp };

const SAYING = VENDOR_WORDS.filter((row): row is Saying => row.says !== undefined);
const ALONE = SAYING.filter(({ only }) => only === undefined);

/** What a message means that no status stands beside. @param words in lower case */
export function vendorReason(words: string): FailureReason | undefined {
  return ALONE.find(({ says }) => says.test(words))?.reason;
}

/** The same beside a status. @param ambiguous the status means several things (400, 403, ...), so that words may tell them apart */
export function vendorReasonAt(status: number, words: string, ambiguous: boolean): FailureReason | undefined {
  return SAYING.find(
    ({ says, also, only }) =>
      (only === undefined ? ambiguous || also?.includes(status) === true : only.includes(status)) && says.test(words),
  )?.reason;
}
