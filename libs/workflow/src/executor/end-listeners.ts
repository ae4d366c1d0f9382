/** Who waits for which execution to end in this process. */
export class EndListeners {
  private readonly byId = new Map<string, Set<() => void>>();

  /** Calls back once. The returned function takes the listener away. */
  add(executionId: string, listener: () => void): () => void {
    const listeners = this.byId.get(executionId) ?? new Set();
    this.byId.set(executionId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.byId.get(executionId) === listeners) this.byId.delete(executionId);
    };
  }

  notify(executionId: string): void {
    const listeners = this.byId.get(executionId);
    this.byId.delete(executionId);
    for (const listener of listeners ?? []) listener();
  }
}
