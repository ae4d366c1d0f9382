/** A source of chance: a number in [0, 1). Injected, so that jitter can be tested. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();
