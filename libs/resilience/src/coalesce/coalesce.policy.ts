import { Observable } from 'rxjs';

import type { CallKeys } from '../engine/argument-key.js';
import type { Execution } from '../engine/execution.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { CoalesceStage } from '../engine/stages.js';
import type { CoalesceJoinedEvent } from './coalesce.events.js';
import { Flight } from './flight.js';

/** The running calls of one policy name, and how many joined one since the start of the process. */
export class RunningCalls {
  readonly byKey = new Map<string, Flight>();
  joined = 0;

  constructor(readonly name: string) {}
}

export class CoalescePolicy implements CoalesceStage {
  constructor(
    readonly running: RunningCalls,
    private readonly keys: CallKeys,
    private readonly context: PolicyContext,
  ) {}

  join(execution: Execution, start: (shared: Execution) => Observable<unknown>): Observable<unknown> {
    return new Observable((caller) => {
      const key = this.keys.of(execution.args);
      // The user's `key` ended it.
      if (caller.closed) return undefined;
      if (key === undefined) return start(execution).subscribe(caller);
      const flight = this.running.byKey.get(key);
      if (flight === undefined) this.lead(key, execution, start).board(execution, caller);
      else {
        flight.board(execution, caller);
        this.joined(execution, flight.followers);
      }
      return undefined;
    });
  }

  private lead(key: string, execution: Execution, start: (shared: Execution) => Observable<unknown>): Flight {
    const { byKey } = this.running;
    const flight: Flight = new Flight(execution, start, () => {
      if (byKey.get(key) === flight) byKey.delete(key);
    });
    byKey.set(key, flight);
    return flight;
  }

  private joined(execution: Execution, followers: number): void {
    this.running.joined++;
    if (!this.context.events.listens('resilience.coalesce.joined')) return;
    const payload: CoalesceJoinedEvent = { policy: execution.parts.name, executionId: execution.id, followers };
    this.context.events.emit('resilience.coalesce.joined', payload);
  }
}
