export { type AutoRedriveOptions, DEFAULT_AUTO_REDRIVE_OPTIONS } from './redrive/auto-redrive.options.js';
export type { RedriveAllOptions, RedriveProgress, RedriveReport } from './redrive/batch.js';
export { type CaptureParts, FailedCallCapture } from './capture/capture.js';
export { DeadLetter } from './dead-letter.decorator.js';
export {
  DEAD_LETTER_STATUSES,
  type DeadLetterEntry,
  type DeadLetterRecord,
  type DeadLetterStatus,
  type StoredArgs,
  type StoredAttempt,
  type StoredError,
  type StoredFallback,
} from './dead-letter.entry.js';
export { argsExcerpt } from './capture/excerpt.js';
export { DeadLetterError, type DeadLetterErrorCode } from './dead-letter.errors.js';
export type {
  DeadLetterEvents,
  DeadLetterPoisonedEvent,
  DeadLetterRedrivenEvent,
  DeadLetterStoredEvent,
} from './dead-letter.events.js';
export {
  type DeadLetterCapture,
  type DeadLetterCodec,
  type DeadLetterOptions,
  DEFAULT_DEAD_LETTER_OPTIONS,
  readDeadLetterOptions,
  type RedactDecision,
  type ResolvedDeadLetterOptions,
} from './dead-letter.options.js';
export type { RedriveResult } from './redrive/redrive.js';
export { type DeadLetterRetention, DEFAULT_DEAD_LETTER_RETENTION } from './store/retention.js';
export { type DeadLetterGate, DeadLetterService, type DeadLetterServiceParts } from './dead-letter.service.js';
export { StoringDeadLetterSink, type StoringSinkParts } from './dead-letter.sink.js';
export {
  type DeadLetterAdded,
  type DeadLetterCount,
  type DeadLetterEdit,
  type DeadLetterFilter,
  type DeadLetterLease,
  type DeadLetterListing,
  type DeadLetterPage,
  type DeadLetterQuery,
  DeadLetterStore,
  DEFAULT_PAGE_LIMIT,
  type LeaseRequest,
  MAX_PAGE_LIMIT,
  type PruneReport,
  type PruneRequest,
  type ReleasedDeadLetter,
  type Settlement,
} from './store/dead-letter.store.js';
export type { ImportReport } from './store/transfer.js';
export { CLOSED_STATUSES, MOVABLE_STATUSES, statusAfterFailure } from './store/transitions.js';
export type { DeadLetterLog, DeadLetterWriterOptions, Written } from './dead-letter.writer.options.js';
export { DeadLetterWriter } from './dead-letter.writer.js';
export { MemoryDeadLetterStore } from './store/memory.store.js';
export {
  indexedKey,
  MAX_STORED_NAME,
  shownKey,
  storedFilter,
  storedId,
  storedKey,
  storedName,
  storedRecord,
  storedText,
  textInJson,
} from './capture/stored-text.js';
