import { type FSWatcher, watch } from 'node:fs';
import type { Clock, TimerHandle } from '@nest-resilience/core';

/** Editors write a file in several steps; one reload for all of them. */
const QUIET_MS = 200;

/** Tells when something in the directories changed, once it has been quiet for a moment. Does not keep the process alive. */
export class DirectoryWatch {
  private readonly watchers: FSWatcher[];
  private timer: TimerHandle | undefined;

  /** @param report gets the error of a directory that cannot be watched (any more) */
  constructor(
    directories: readonly string[],
    private readonly clock: Clock,
    private readonly changed: () => void,
    report: (directory: string, error: unknown) => void,
  ) {
    this.watchers = directories.flatMap((directory) => {
      try {
        const watcher = watch(directory, { persistent: false }, () => this.later());
        return [watcher.on('error', (error) => report(directory, error))];
      } catch (error) {
        report(directory, error);
        return [];
      }
    });
  }

  close(): void {
    this.timer?.cancel();
    for (const watcher of this.watchers) watcher.close();
  }

  private later(): void {
    this.timer?.cancel();
    this.timer = this.clock.setTimer(this.changed, QUIET_MS);
    this.timer.unref();
  }
}
