/** A bounded map that forgets what was used longest ago. A Map keeps insertion order, so moving to its end is all there is to it. */
export class RecentMap<V> {
  private readonly values = new Map<string, V>();

  constructor(private maxSize: number) {}

  get size(): number {
    return this.values.size;
  }

  /** Looks without using. */
  peek(key: string): V | undefined {
    return this.values.get(key);
  }

  /** Looks, and counts it as a use. Hot path: no more than two writes to the map. */
  use(key: string): V | undefined {
    const value = this.values.get(key);
    if (value === undefined) return undefined;
    this.values.delete(key);
    this.values.set(key, value);
    return value;
  }

  all(): MapIterator<V> {
    return this.values.values();
  }

  set(key: string, value: V): void {
    if (!this.values.delete(key) && this.values.size >= this.maxSize) this.forgetOldest();
    this.values.set(key, value);
  }

  delete(key: string): void {
    this.values.delete(key);
  }

  clear(): void {
    this.values.clear();
  }

  limit(maxSize: number): void {
    this.maxSize = maxSize;
    while (this.values.size > maxSize) this.forgetOldest();
  }

  private forgetOldest(): void {
    for (const oldest of this.values.keys()) {
      this.values.delete(oldest);
      return;
    }
  }
}
