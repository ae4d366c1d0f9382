/** Facts that a check wants to show beside its status; they are answered over HTTP as they are, so no secrets. */
export type HealthDetails = Readonly<Record<string, unknown>>;

/** What a check found out. Anything but `up` says why. */
export type HealthOutcome =
  | { readonly status: 'up'; readonly details?: HealthDetails }
  | { readonly status: 'degraded'; readonly reason: string; readonly details?: HealthDetails }
  | {
      readonly status: 'down';
      readonly reason: string;
      readonly details?: HealthDetails;
      /** This time the process must get no traffic, whatever was said of the check when it was registered. */
      readonly critical?: boolean;
    };

/** All is well. */
export function up(details?: HealthDetails): HealthOutcome {
  return { status: 'up', ...(details && { details }) };
}

/** Still serving, but not as it should be. */
export function degraded(reason: string, details?: HealthDetails): HealthOutcome {
  return { status: 'degraded', reason, ...(details && { details }) };
}

/** Not serving. */
export function down(reason: string, details?: HealthDetails): HealthOutcome {
  return { status: 'down', reason, ...(details && { details }) };
}
