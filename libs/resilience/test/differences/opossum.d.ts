/** opossum 9 ships no types: what the suites beside use of it. */
declare module 'opossum' {
  export interface OpossumOptions {
    timeout?: number | false;
    resetTimeout?: number;
    errorThresholdPercentage?: number;
    rollingCountTimeout?: number;
    volumeThreshold?: number;
    enableSnapshots?: boolean;
    errorFilter?: (error: unknown) => boolean;
  }
  export default class CircuitBreaker {
    constructor(action: (...args: never[]) => unknown, options?: OpossumOptions);
    fire(...args: unknown[]): Promise<unknown>;
    shutdown(): void;
    readonly opened: boolean;
    readonly closed: boolean;
    readonly halfOpen: boolean;
    readonly stats: { readonly fires: number; readonly failures: number; readonly successes: number };
  }
}
