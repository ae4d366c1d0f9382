/** Marks errors of the ledger: such a run neither succeeded nor failed, it must go on later. */
export class LedgerFailure extends Error {}

/** Marks what the ledger throws. @throws LedgerFailure */
export async function guardLedger<T>(writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (cause) {
    throw new LedgerFailure('the ledger failed', { cause });
  }
}
