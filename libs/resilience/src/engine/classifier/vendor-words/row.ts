import type { FailureReason } from '../classification.js';

/** One thing that a vendor of models is known to say, and what it means. */
export interface VendorWords {
  readonly reason: FailureReason;
  readonly vendor: string;
  /** Where the vendor, or who met it, says so. */
  readonly source: string;
  /** Codes and types of its errors, separated by blanks, in lower case. Believed before the status beside them. */
  readonly codes?: string;
  /** What its message says, in lower case: at a status that means several things (400, 403, 404, 422, ...), or without any status. */
  readonly says?: RegExp;
  /** Statuses at which `says` holds too, although they mean something by themselves. */
  readonly also?: readonly number[];
  /** The only statuses at which `says` holds: words that mean something else elsewhere, or alone. */
  readonly only?: readonly number[];
  /** An answer of the vendor's. */
  readonly example: readonly [status: number, body: string | object];
}

/** Rows of one reason. */
export function rows(reason: FailureReason, of: readonly Omit<VendorWords, 'reason'>[]): readonly VendorWords[] {
  return of.map((row) => ({ reason, ...row }));
}

/** The body that most vendors have copied from OpenAI. */
export function openAi(message: string, more: object = {}): object {
  return { error: { message, type: 'invalid_request_error', param: null, code: null, ...more } };
}
