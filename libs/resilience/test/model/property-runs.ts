/** Sequences that a property is tried with where it says nothing else; `npm run test:model` says more. */
const USUAL_RUNS = 2_000;

/** `PROPERTY_RUNS` of the environment, or the usual number, shared between `parts`. */
export function propertyRuns(parts: number): number {
  const asked = Number(process.env['PROPERTY_RUNS'] ?? USUAL_RUNS);
  if (!Number.isInteger(asked) || asked < 1)
    throw new Error(`PROPERTY_RUNS is ${process.env['PROPERTY_RUNS']}, expected a whole number from 1`);
  return Math.ceil(asked / parts);
}

/** What a proof was made of, on one line that `npm run test:model` shows. */
export class Tally {
  sequences = 0;
  events = 0;
  private readonly startedAt = performance.now();

  constructor(private readonly what: string) {}

  print(): void {
    const seconds = ((performance.now() - this.startedAt) / 1000).toFixed(1);
    const [sequences, events] = [this.sequences, this.events].map((count) => count.toLocaleString('en-US'));
    process.stdout.write(`${this.what}: ${sequences} sequences, ${events} events, ${seconds} s\n`);
  }
}
