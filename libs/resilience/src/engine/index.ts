export { onAbort } from './abort-listeners.js';
export type { AttemptContext, AttemptRecord } from './attempt.js';
export { CallStats, type MethodMetrics } from './call-stats.js';
export type { ErrorClassification, FailureKind, FailureReason } from './classifier/classification.js';
export { classifyError } from './classifier/classify-error.js';
export { mayPass, mayPassAtStart } from './classifier/may-pass.js';
export { type Clock, systemClock, type TimerHandle } from './clock.js';
export { cutFields } from './cut-json.js';
export type { DeadLetterSink, FailedCall, FailedElsewhere, FallbackRecord } from './dead-letter-sink.js';
export { nearest } from './did-you-mean.js';
export { type Duration, parseDuration } from './duration.js';
export { DurationHistogram } from './duration-histogram.js';
export {
  type OptionProblem,
  ResilienceError,
  type ResilienceErrorCode,
  ResilienceOptionsError,
  NotNowError,
  ResultRejectedError,
  ShutdownError,
} from './errors.js';
export type { EventSink } from './events.js';
export type { Matcher } from './matcher.js';
export {
  CURSOR_EXPECTED,
  fittingOnPage,
  isCursor,
  MAX_PAGE_BYTES,
  MAX_SHOWN_BYTES,
  type Page,
  pageOf,
  Turns,
} from './pages.js';
export { PRIVATE_DIRECTORY, PRIVATE_FILE } from './private-files.js';
export { type Random, systemRandom } from './random.js';
export {
  isSecretName,
  neverShow,
  neverShowPasswordOf,
  redactedStack,
  redactText,
  redactValue,
  withoutKnownSecrets,
} from './redaction/index.js';
export { ShutdownWait } from './shutdown-wait.js';
export type { TimeoutScope } from './stages.js';
