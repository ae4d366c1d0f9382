import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './program.js';

/** A wall clock that is off, and can be set while a process goes by it. Its monotonic clock goes on. Needs `faketime`. */
export class FalseClock {
  /** For the process that shall go by it. */
  readonly env: Readonly<Record<string, string>>;
  private readonly directory = mkdtempSync(join(tmpdir(), 'clock-'));
  private readonly file = join(this.directory, 'offset');

  /** @throws Error where `faketime` is not installed */
  constructor() {
    // Whatever account the process has, it reads the file.
    chmodSync(this.directory, 0o755);
    this.setOff(0);
    const library = execFileSync('faketime', ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' });
    this.env = {
      ...{ LD_PRELOAD: library.trim(), FAKETIME_TIMESTAMP_FILE: this.file, FAKETIME_DONT_FAKE_MONOTONIC: '1' },
      // Else it looks into the file every ten seconds.
      FAKETIME_CACHE_DURATION: '1',
    };
  }

  static isPossible(): boolean {
    return findProgram('faketime') !== undefined;
  }

  /** Within a second the clock shows that much more than the right time. */
  setOff(seconds: number): void {
    writeFileSync(this.file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
