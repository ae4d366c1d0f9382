/**
 * Who waits for a call and may leave without aborting any signal: the client behind a connection. Listened to only where it makes
 * a difference, i.e. once an attempt's signal is read or a first attempt has failed.
 */
export interface Caller {
  /** False where the call was promised to be kept whoever waits: then only its attempts are told. */
  readonly endsCall: boolean;
  gone(): boolean;
  /** What attempts are aborted with. */
  reason(): unknown;
  /** Returns what takes the listener away. */
  onGone(listener: () => void): () => void;
}
