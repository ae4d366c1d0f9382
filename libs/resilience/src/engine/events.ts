/**
 * Where policies report what they did. Policies never log and never know who listens.
 * Ask {@link EventSink.listens} first: a payload nobody reads is never built.
 */
export interface EventSink {
  listens(name: string): boolean;
  /** Must not throw and must not block: a listener never touches the call. */
  emit(name: string, payload: object): void;
}

/** The sink of a policy that lives outside an application. */
export const silentSink: EventSink = { listens: () => false, emit: () => undefined };
