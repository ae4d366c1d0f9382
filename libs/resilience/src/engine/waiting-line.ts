/** A place in a {@link WaitingLine}. */
export interface Place<T> {
  readonly waiter: T;
  ahead: Place<T> | undefined;
  behind: Place<T> | undefined;
}

/** First come, first served; joining and leaving cost the same however long the line is. */
export class WaitingLine<T> {
  length = 0;
  first: Place<T> | undefined;
  private last: Place<T> | undefined;

  join(waiter: T): Place<T> {
    const place: Place<T> = { waiter, ahead: this.last, behind: undefined };
    if (this.last === undefined) this.first = place;
    else this.last.behind = place;
    this.last = place;
    this.length++;
    return place;
  }

  /** From anywhere in the line; once per place. */
  leave({ ahead, behind }: Place<T>): void {
    if (ahead === undefined) this.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.last = ahead;
    else behind.ahead = ahead;
    this.length--;
  }
}
