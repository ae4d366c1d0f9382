/** The JSON in a model's text, or what is wrong with it. */
export type ReadJson =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

/** Models wrap JSON in fences and small talk; the outermost object or array is what was meant. */
export function readJson(text: string): ReadJson {
  const trimmed = text.trim();
  if (trimmed === '') return { ok: false, problem: 'the answer is empty' };
  const direct = parse(trimmed);
  if (direct.ok) return direct;
  const fenced = /```(?:json)?([\s\S]*?)```/i.exec(trimmed)?.[1];
  for (const candidate of [fenced, between(trimmed, '{', '}'), between(trimmed, '[', ']')]) {
    const found = candidate === undefined ? direct : parse(candidate);
    if (found.ok) return found;
  }
  return direct;
}

function parse(text: string): ReadJson {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, problem: `the answer is not JSON: ${(error as Error).message}` };
  }
}

function between(text: string, open: string, close: string): string | undefined {
  const start = text.indexOf(open);
  const end = text.lastIndexOf(close);
  return start !== -1 && end > start ? text.slice(start, end + 1) : undefined;
}
