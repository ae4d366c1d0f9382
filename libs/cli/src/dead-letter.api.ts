import type {
  DeadLetterCount,
  DeadLetterPage,
  ImportReport,
  RedriveReport,
  RedriveResult,
  StoredError,
} from '@nest-resilience/core';
import type { DeadLetterView } from '@nest-resilience/core/admin';
import type { AdminClient } from './admin.client.js';
import { CliError, EXIT_CODES } from './exit-code.js';

/** As the command line has it: texts, which the server reads. */
export type Filter = Readonly<Record<string, string>>;

export type ShownRedrive = Omit<RedriveResult, 'error'> & { readonly error?: Pick<StoredError, 'name' | 'message'> };

const BASE = '/dead-letters';
const PAGE = 100;

/** The routes of dead letters, by what they are for. */
export class DeadLetterApi {
  constructor(private readonly client: AdminClient) {}

  list(query: Filter & { readonly limit?: string }): Promise<DeadLetterPage<DeadLetterView>> {
    return this.client.get(BASE, query) as Promise<DeadLetterPage<DeadLetterView>>;
  }

  async counts(filter: Filter): Promise<readonly DeadLetterCount[]> {
    const { counts } = (await this.client.get(`${BASE}/counts`, filter)) as { counts: DeadLetterCount[] };
    return counts;
  }

  async get(id: string): Promise<DeadLetterView> {
    const entry = (await this.client.get(one(id))) as Partial<DeadLetterView>;
    // 'counts' and other words of the route table are no ids.
    if (typeof entry.id !== 'string') throw new CliError(`There is no dead letter '${id}'`, EXIT_CODES.problem);
    return entry as DeadLetterView;
  }

  /** How many a batch would take, and whether the server agrees to its options. */
  async dryRun(filter: Filter, options: { ratePerSecond?: number; limit?: number }): Promise<RedriveReport> {
    return (await this.client.post(`${BASE}/redrive`, { filter, ...options, dryRun: true })) as RedriveReport;
  }

  async redrive(id: string): Promise<ShownRedrive> {
    return (await this.client.finish(`${one(id)}/redrive`)) as ShownRedrive;
  }

  async discard(id: string, note: string | undefined): Promise<DeadLetterView> {
    return (await this.client.finish(`${one(id)}/discard`, note === undefined ? {} : { note })) as DeadLetterView;
  }

  async purge(filter: Filter): Promise<{ readonly removed: number }> {
    return (await this.client.post(`${BASE}/purge`, { filter })) as { removed: number };
  }

  export(filter: Filter): AsyncGenerator<Uint8Array> {
    return this.client.stream(`${BASE}/export`, filter);
  }

  async import(lines: AsyncIterable<string | Uint8Array>): Promise<ImportReport> {
    // A server that refuses an upload may hang up in the middle of it, and its reason is lost: ask for something small first.
    await this.list({ limit: '1' });
    return (await this.client.upload(`${BASE}/import`, 'application/x-ndjson', lines)) as ImportReport;
  }

  /** Oldest first, as many as asked for, page by page. Entries that leave the filter meanwhile move no others. */
  async *ids(filter: Filter, limit: number): AsyncGenerator<string> {
    let cursor: string | undefined;
    let left = limit;
    do {
      const size = Math.min(left, PAGE);
      const query = { ...filter, order: 'oldest', limit: String(size), ...(cursor !== undefined && { cursor }) };
      const page = await this.list(query);
      for (const { id } of page.items) yield id;
      left -= page.items.length;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && left > 0);
  }
}

function one(id: string): string {
  return `${BASE}/${encodeURIComponent(id)}`;
}
