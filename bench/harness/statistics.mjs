/** The middle of a list of numbers; the mean of the two middle ones for an even count. */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * What every contender scored in every round. Comparisons are made inside a round and the median of those is taken:
 * a noisy second of the machine then hits both sides, and neither decides the result.
 */
export class Results {
  constructor() {
    this.byName = new Map();
  }

  add(name, value) {
    const samples = this.byName.get(name);
    if (samples === undefined) this.byName.set(name, [value]);
    else samples.push(value);
  }

  get names() {
    return [...this.byName.keys()];
  }

  /** The same, of one part of what a sample measured. */
  dividedBy(parts) {
    const divided = new Results();
    for (const [name, samples] of this.byName) for (const sample of samples) divided.add(name, sample / parts);
    if (this.cpu !== undefined) divided.cpu = this.cpu.dividedBy(parts);
    return divided;
  }

  median(name) {
    return median(this.samples(name));
  }

  min(name) {
    return Math.min(...this.samples(name));
  }

  /** How many times `name` costs what `other` costs. */
  ratio(name, other) {
    return this.paired(name, other, (a, b) => a / b);
  }

  /** How much more `name` costs than `other`. */
  over(name, other) {
    return this.paired(name, other, (a, b) => a - b);
  }

  paired(name, other, compare) {
    const others = this.samples(other);
    return median(this.samples(name).map((value, round) => compare(value, others[round])));
  }

  samples(name) {
    const samples = this.byName.get(name);
    if (samples === undefined) throw new Error(`No contender '${name}'; known: ${this.names.join(', ')}`);
    return samples;
  }
}
