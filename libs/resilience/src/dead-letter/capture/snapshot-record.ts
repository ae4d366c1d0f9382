import { secretsIn } from '../../engine/redaction/secret-places.js';
import { describePlace, REDACTED } from './redact.js';

/** A plain copy of the arguments, holding nothing that superjson cannot bring back. */
export interface Snapshot {
  readonly args: unknown[];
  /** Why these are not the arguments of the call; empty when they are. */
  readonly lost: string[];
  /** Places of values left out as secret. */
  readonly redacted: string[];
  /** Those values, where they are text: error messages like to repeat them. */
  readonly secrets: Set<string>;
}

/** The arguments do not fit into the budget of the limits. */
export class TooLarge extends Error {}

/** A hundred functions in one array are one fact for a reader. */
const MAX_LOST = 20;

/** What a snapshot says besides the values: what was lost, what was redacted, and how much of the budget is spent. */
export class SnapshotRecord {
  private spentSoFar = 0;
  private readonly lost: string[] = [];
  private readonly redacted: string[] = [];

  /**
   * @param budget characters in all
   * @param secrets gets the values that are left out
   */
  constructor(
    private readonly budget: number,
    private readonly secrets: Set<string>,
  ) {}

  get spent(): number {
    return this.spentSoFar;
  }

  /** @throws TooLarge */
  spend(characters: number): void {
    this.spentSoFar += characters;
    if (this.spentSoFar > this.budget) throw new TooLarge();
  }

  /** @throws TooLarge before a text of this length is looked at, if it cannot fit in */
  expect(characters: number): void {
    if (characters > this.budget) throw new TooLarge();
  }

  /** Returns the mark that stands for the value. */
  lose(mark: string, place: readonly string[], why: string): string {
    if (this.lost.length < MAX_LOST)
      this.lost.push(`${describePlace(place)} is ${why}`.replace(/ is (has|cut|nested) /, ' $1 '));
    this.spend(mark.length);
    return mark;
  }

  /** Returns the mark that stands for the secret. */
  redact(value: unknown, place: readonly string[]): string {
    this.redactPart(place);
    for (const secret of secretsIn(value)) this.secrets.add(secret);
    this.spend(REDACTED.length);
    return REDACTED;
  }

  /** Of a value only a part was left out. */
  redactPart(place: readonly string[]): void {
    this.redacted.push(describePlace(place));
  }

  readonly found = (secret: string): void => {
    this.secrets.add(secret);
  };

  snapshotOf(args: unknown[]): Snapshot {
    return { args, lost: this.lost, redacted: this.redacted, secrets: this.secrets };
  }
}
