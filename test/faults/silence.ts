import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** What an act did to a process that others use meanwhile. */
export interface Cost<T> {
  readonly result: T;
  /**
   * The longest that its event loop kept somebody else waiting, milliseconds: of the wait for an answer no more than its main thread
   * computed meanwhile. What the machine gave to others is none of its doing.
   */
  readonly silentMs: number;
  readonly tookMs: number;
  /** The most memory the process has ever had, megabytes. */
  readonly peakMb: number;
}

/** Asks in a thread of its own, which nothing that this process does holds up. */
const PROBE = `
  const { readFileSync } = require('node:fs');
  const { parentPort, workerData: { pid, url } } = require('node:worker_threads');
  // Linux counts what each thread has computed, in nanoseconds.
  const computed = () => {
    try {
      return Number(readFileSync('/proc/' + pid + '/task/' + pid + '/schedstat', 'latin1').split(' ')[0]) / 1e6;
    } catch {
      return performance.now();
    }
  };
  let stopped = false, worst = 0;
  parentPort.on('message', () => { stopped = true; });
  (async () => {
    while (!stopped) {
      const [asked, before] = [performance.now(), computed()];
      await fetch(url).then((answer) => answer.text(), () => undefined);
      worst = Math.max(worst, Math.min(performance.now() - asked, computed() - before));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    parentPort.postMessage(worst);
  })();
`;

/** Does it while somebody else asks the process at `url` whether it lives. */
export async function costOf<T>(process: { pid: number; url: string }, act: () => Promise<T>): Promise<Cost<T>> {
  const probe = new Worker(PROBE, { eval: true, workerData: process });
  const worst = new Promise<number>((resolve) => probe.once('message', resolve));
  const begun = performance.now();
  let result: T;
  let tookMs: number;
  try {
    result = await act();
    tookMs = performance.now() - begun;
  } finally {
    probe.postMessage('stop');
  }
  const silentMs = await worst;
  await probe.terminate();
  return { result, silentMs: Math.round(silentMs), tookMs: Math.round(tookMs), peakMb: peakOf(process.pid) };
}

function peakOf(pid: number): number {
  const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kilobytes) / 1_024);
}
