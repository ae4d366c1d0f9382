import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system in memory whose room can be taken away and given back. Linux, and root: only root may mount. */
export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), 'disk-'));

  /** @throws Error where this account may not mount */
  constructor(private readonly bytes: number) {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'tmpfs', this.path], { stdio: 'ignore' });
    } catch (error) {
      rmdirSync(this.path);
      throw error;
    }
  }

  static isPossible(): boolean {
    try {
      new SmallDisk(65_536).unmount();
      return true;
    } catch {
      return false;
    }
  }

  /** What is on it may be read, and written over. @param bytes that are left, for little things */
  fill(bytes = 0): void {
    const { blocks, bfree, bsize } = statfsSync(this.path);
    this.resize((blocks - bfree) * bsize + bytes);
  }

  empty(): void {
    this.resize(this.bytes);
  }

  unmount(): void {
    execFileSync('umount', [this.path]);
    rmdirSync(this.path);
  }

  private resize(bytes: number): void {
    execFileSync('mount', ['-o', `remount,size=${bytes}`, this.path]);
  }
}
