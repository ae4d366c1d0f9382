/** What stands in the place of a value that must not be kept or shown. */
export const REDACTED = '[redacted]';
