/** Who wants to hear of which execution in this process. */
export class ExecutionListeners {
  private readonly byId = new Map<string, Set<() => void>>();

  /** Calls back every time. The returned function takes the listener away. */
  add(executionId: string, listener: () => void): () => void {
    const listeners = this.byId.get(executionId) ?? new Set();
    this.byId.set(executionId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.byId.get(executionId) === listeners) this.byId.delete(executionId);
    };
  }

  /** Calls back the next time only. */
  once(executionId: string, listener: () => void): () => void {
    const remove = this.add(executionId, () => {
      remove();
      listener();
    });
    return remove;
  }

  notify(executionId: string): void {
    for (const listener of [...(this.byId.get(executionId) ?? [])]) listener();
  }
}
