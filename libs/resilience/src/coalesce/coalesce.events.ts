export interface CoalesceJoinedEvent {
  readonly policy: string;
  /** Of the call that joined. */
  readonly executionId: string;
  /** Calls that have joined this running call so far, this one included. */
  readonly followers: number;
}

export interface CoalesceEvents {
  'resilience.coalesce.joined': CoalesceJoinedEvent;
}
