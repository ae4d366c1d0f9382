import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface NestjsResilienceSeen {
  /** Calls that entered the method: until it opened, and of 50 at once when it was half-open. */
  readonly halfOpen: { readonly toOpen: number; readonly admitted: number };
  /** What a fallback was called with. */
  readonly fallback: { readonly argument: string; readonly errors: number };
  /** What a decorated method kept. */
  readonly metadata: { readonly role: string | null; readonly name: string };
}

/** Runs nestjs-resilience in a process of its own. */
export async function nestjsResilience(): Promise<NestjsResilienceSeen> {
  const script = fileURLToPath(new URL('nestjs-resilience.child.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script]);
  return JSON.parse(stdout) as NestjsResilienceSeen;
}
