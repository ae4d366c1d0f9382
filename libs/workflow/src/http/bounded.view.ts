import { Readable } from 'node:stream';
import { cutFields, MAX_PAGE_BYTES, MAX_SHOWN_BYTES, type Page, pageOf, Turns } from '@nest-resilience/core';
import { StreamableFile } from '@nestjs/common';
import type { ExecutionLedger, ExecutionRecord } from '../ledger/execution.js';
import type { ItemPage } from '../ledger/items.js';
import { executionSummary, executionView, itemView, ledgerView, nodeView } from './execution.view.js';

/** A page of summaries. */
export async function executionPage(found: Page<ExecutionRecord>) {
  const { items, nextCursor } = await pageOf(found, executionSummary, ({ output: _, ...item }) => ({ ...item, input: null })); // prettier-ignore
  return { items, nextCursor };
}

/** A page of items of a node. */
export async function itemPage({ items, nextCursor }: ItemPage) {
  const found = items.map((item) => ({ ...item, id: String(item.index) }));
  return pageOf({ items: found, nextCursor: nextCursor === null ? null : String(nextCursor) }, ({ id: _, ...item }) =>
    itemView(item),
  );
}

/** The whole ledger; one that is larger than a page goes out node by node. */
export async function ledgerAnswer(ledger: ExecutionLedger): Promise<ReturnType<typeof ledgerView> | StreamableFile> {
  if (await fitsOnPage(ledger)) return ledgerView(ledger);
  return new StreamableFile(Readable.from(jsonOf(ledger), { objectMode: false }), { type: 'application/json; charset=utf-8' }); // prettier-ignore
}

/** The ledger for transports that carry a message as one: in one that is larger than a page, large values are cut and marked. */
export async function ledgerExcerpt(ledger: ExecutionLedger): Promise<ReturnType<typeof ledgerView>> {
  if (await fitsOnPage(ledger)) return ledgerView(ledger);
  const { nodes, ...execution } = ledger;
  const share = Math.min(MAX_SHOWN_BYTES, Math.floor(MAX_PAGE_BYTES / (nodes.length + 2)));
  const turns = new Turns();
  const shown: (typeof nodes)[number][] = [];
  for (const node of nodes) {
    shown.push(marked(node, share));
    await turns.take();
  }
  return ledgerView({ ...marked(execution, share), nodes: shown });
}

function marked<T extends object>(whole: T, share: number): T {
  const cut = cutFields(whole, share);
  return cut === whole ? whole : { ...cut, excerpt: true };
}

async function fitsOnPage({ nodes, ...execution }: ExecutionLedger): Promise<boolean> {
  const turns = new Turns();
  let bytes = Buffer.byteLength(JSON.stringify(execution));
  for (const node of nodes) {
    bytes += Buffer.byteLength(JSON.stringify(node));
    if (bytes > MAX_PAGE_BYTES) return false;
    await turns.take();
  }
  return bytes <= MAX_PAGE_BYTES;
}

async function* jsonOf({ nodes, ...execution }: ExecutionLedger): AsyncGenerator<string> {
  const turns = new Turns();
  yield `${JSON.stringify(executionView(execution)).slice(0, -1)},"nodes":[`;
  for (const [index, node] of nodes.entries()) {
    yield `${index > 0 ? ',' : ''}${JSON.stringify(nodeView(node))}`;
    await turns.take();
  }
  yield ']}';
}
