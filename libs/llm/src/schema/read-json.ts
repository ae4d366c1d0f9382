import { type LooseJson, readLooseJson, type Slip } from './loose-json.js';
import { withinTime } from './within-time.js';

/** What was mended about an answer before it fitted, so that it need not be paid for again. */
export type Mend = Slip | 'thoughts' | 'a fence' | 'text around it' | 'several values' | 'nulls';

/** A value that stands in an answer. */
export interface FoundJson {
  readonly value: unknown;
  readonly mended: readonly Mend[];
  /** Numbers of it that would not be what they say. */
  readonly lost: readonly string[];
}

/** The values in a model's text, the likeliest first, or why there is none. */
export type ReadJson =
  { readonly ok: true; readonly found: readonly FoundJson[] } | { readonly ok: false; readonly problem: string };

/** Each is checked against the schema. */
const MAX_FOUND = 16;
/** Milliseconds. Megabytes of mistakes, or of brackets that mean nothing, are better asked for again. */
const LIMIT_MS = 1_000;
/** Characters that are looked at, by the length of the text: what begins and is nothing is looked at once for each bracket in it. */
const MAX_LOOKS = 4;

/**
 * Models wrap JSON in fences, thoughts and small talk, and write it as other languages do. A value that is cut off is none, nor is anything
 * inside of it. Of several values later ones are likelier: an answer follows its drafts.
 */
export function readJson(text: string): ReadJson {
  const trimmed = text.trim();
  if (trimmed === '') return { ok: false, problem: 'the answer is empty' };
  const whole = parse(trimmed);
  // Hardly any answer is read twice: only long digits or an exponent can be lost.
  if (whole.ok && !MAY_BE_LOST.test(trimmed))
    return { ok: true, found: [{ value: whole.value, mended: [], lost: [] }] };
  const read = withinTime(() => (whole.ok ? readAgain(trimmed, whole.value) : mend(trimmed, whole.problem)), LIMIT_MS);
  return read?.result ?? { ok: false, problem: 'the answer is not JSON and too long to be mended' };
}

const MAY_BE_LOST = /(?:^|[:,[])\s*-?(?:[\d.]{16}|[\d.]+[eE])/;

function readAgain(json: string, value: unknown): ReadJson {
  const read = readLooseJson(json, 0);
  return { ok: true, found: [{ value, mended: [], lost: read.ok ? read.lost : [] }] };
}

function mend(trimmed: string, notJson: string): ReadJson {
  const start = endOfThoughts(trimmed);
  if (start < 0) return { ok: false, problem: 'the answer ends within its thoughts' };
  const { values, problem } = valuesIn(trimmed, start);
  if (values.length === 0) return { ok: false, problem: `the answer is not JSON: ${problem ?? notJson}` };
  const thoughts: Mend[] = start > 0 ? ['thoughts'] : [];
  const found = values.map(({ value, slips, lost, from, end }) => ({
    ...{ value, lost },
    mended: [
      ...thoughts,
      ...(values.length > 1 ? ['several values' as const] : around(trimmed.slice(start, from), trimmed.slice(end))),
      ...slips,
    ],
  }));
  return { ok: true, found: found.reverse() };
}

type Whole = Extract<LooseJson, { readonly ok: true }> & { readonly from: number };

function valuesIn(text: string, start: number): { readonly values: readonly Whole[]; readonly problem?: string } {
  const alone = readLooseJson(text, start);
  if (alone.ok && text.slice(alone.end).trim() === '') return { values: [{ ...alone, from: start }] };
  const values: Whole[] = [];
  let problem: string | undefined;
  let looks = MAX_LOOKS * text.length;
  const openers = /\[|\{(?=\s*["'“‘}\w$/#])|```\w*\s*(?=["\d\-tfn])/g;
  openers.lastIndex = start;
  for (let opener = openers.exec(text); opener && looks > 0; opener = openers.exec(text)) {
    // A fence may hold what has no brackets.
    const from = opener[0].length === 1 ? opener.index : openers.lastIndex;
    const read = readLooseJson(text, from);
    if (read.ok) {
      if (opener.index !== from && !/^\s*```/.test(text.slice(read.end, read.end + 80))) continue;
      looks -= read.end - from;
      values.push({ ...read, from });
      openers.lastIndex = read.end;
      if (values.length > MAX_FOUND) values.shift();
      continue;
    }
    looks -= read.at - from;
    if (!read.begun) continue;
    problem ??= read.problem;
    const end = endOfBrackets(text, from);
    // The rest belongs to what is broken: a part of an answer is another answer.
    if (end < 0) return { values: [], problem };
    looks -= end - from;
    openers.lastIndex = end;
  }
  return { values, ...(problem !== undefined && { problem }) };
}

/** Behind the bracket that closes the one here; brackets within texts are none. */
function endOfBrackets(text: string, from: number): number {
  const marks = /["\\{}[\]]/g;
  marks.lastIndex = from;
  let depth = 0;
  let inText = false;
  for (let mark = marks.exec(text)?.[0]; mark !== undefined; mark = marks.exec(text)?.[0]) {
    if (mark === '\\') marks.lastIndex++;
    else if (mark === '"') inText = !inText;
    else if (!inText) depth += mark === '{' || mark === '[' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return -1;
}

/** Names of what models think in; some open it for them, so that only its end is in the answer. */
const THOUGHTS = '(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|plan|seed:think)';
const OPENED = new RegExp(`^\\s*[<\\[◁]${THOUGHTS}[>\\]▷]`, 'i');
const CLOSED = new RegExp(`[<\\[◁]/${THOUGHTS}[>\\]▷]`, 'i');
/** Of models that speak OpenAI's harmony format, when a server leaves it in. */
const FINAL = '<|channel|>final<|message|>';

/** Where the answer begins; -1 when there are only thoughts. */
function endOfThoughts(text: string): number {
  const final = text.lastIndexOf(FINAL);
  if (final >= 0) return final + FINAL.length;
  const closed = CLOSED.exec(text);
  if (closed) return closed.index + closed[0].length;
  return OPENED.test(text) ? -1 : 0;
}

function around(before: string, after: string): Mend[] {
  const [head, tail] = [before.trimEnd(), after.trimStart()];
  const isFenced = /```\w*$/.test(head.slice(-40)) && tail.startsWith('```');
  const rest = isFenced ? head.slice(0, head.lastIndexOf('```')) + tail.slice(3) : head + tail;
  return [...(isFenced ? ['a fence' as const] : []), ...(rest.trim() === '' ? [] : ['text around it' as const])];
}

function parse(
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, problem: (error as Error).message };
  }
}
