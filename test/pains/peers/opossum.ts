import { createRequire } from 'node:module';

/** The part of opossum 9 that is used here; it ships no types. */
export interface Opossum {
  readonly opened: boolean;
  readonly halfOpen: boolean;
  fire(...args: unknown[]): Promise<unknown>;
  healthCheck(check: () => Promise<unknown>, intervalMs: number): void;
  shutdown(): void;
}

interface OpossumOptions {
  /** `false`: none. */
  readonly timeout?: number | false;
  readonly abortController?: AbortController;
  readonly resetTimeout?: number;
  readonly errorThresholdPercentage?: number;
}

export const Opossum = createRequire(import.meta.url)('opossum') as new (
  action: (...args: never[]) => unknown,
  options?: OpossumOptions,
) => Opossum;
