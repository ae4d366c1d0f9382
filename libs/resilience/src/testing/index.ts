export {
  deadLetterRecord,
  describeDeadLetterStore,
  type StoreUnderTest,
  type TestApi,
} from '../dead-letter/store/dead-letter-store.contract.js';
export { DEFAULT_FAKE_CLOCK_OPTIONS, FakeClock } from './fake-clock.js';
export { type RecordedEvent, RecordingEvents } from './recording-events.js';
export { ResilienceTestingModule, type ResilienceTestingOptions } from './resilience-testing.module.js';
export { seededRandom } from './seeded-random.js';
export { KEYS_THAT_DIFFER } from '../dead-letter/capture/keys-that-differ.js';
export { settle } from './settle.js';
export { type CircuitSwitchboard, disableAll, forceOpen } from './switches.js';
