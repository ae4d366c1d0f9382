/** The instrumentation scope of everything that is reported here. */
export const SCOPE = '@nest-resilience/core';
