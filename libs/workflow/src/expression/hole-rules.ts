import { textOf } from './text-of.js';
import { UnusableValueError } from './unusable-value.error.js';

/** Judges the value of a hole, which is written as `hole`. @throws UnusableValueError */
export type HoleRule = (value: unknown, hole: string) => void;

/** Rules of a template: for a hole that is all of it, and for one among other text. */
export interface HoleRules {
  readonly whole?: HoleRule;
  readonly within?: HoleRule;
}

/** Of a URL. A hole that is all of it brings its own path. */
export function urlRules(node: string): Required<HoleRules> {
  const place = 'http.url';
  const whole = sentRule(node, place);
  return {
    whole,
    within(value, hole) {
      whole(value, hole);
      const text = textOf(value);
      // These two are not encoded, and a path segment of them leads elsewhere.
      if (text === '.' || text === '..')
        throw new UnusableValueError(`'${text}' cannot be a part of a URL`, node, place, hole);
    },
  };
}

export function headerRules(node: string, name: string): Required<HoleRules> {
  const place = `http.headers.${name}`;
  const sent = sentRule(node, place);
  const rule: HoleRule = (value, hole) => {
    sent(value, hole);
    if (!isHeaderText(textOf(value)))
      throw new UnusableValueError(
        `Node '${node}': the value of ${hole} in ${place} has a line break or another character that no header can carry`,
        ...[node, place, hole],
      );
  };
  return { whole: rule, within: rule };
}

/** Whether a header can carry it: no line breaks, which would begin another header, and no character above one byte. */
export function isHeaderText(text: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(text);
}

/** Each item of a list is sent by itself, so each must be there. */
export function queryRules(node: string, name: string): Required<HoleRules> {
  const sent = sentRule(node, `http.query.${name}`);
  const rule: HoleRule = (value, hole) => {
    sent(value, hole);
    if (Array.isArray(value)) for (const item of value as unknown[]) sent(item, hole);
  };
  return { whole: rule, within: rule };
}

/** Of texts that are read and not obeyed: null is written as nothing there, a value that is not there at all is a mistake. */
export function textRule(node: string, place: string): HoleRule {
  return (value, hole) => {
    const suspect = value === undefined || typeof value === 'number' || isFunction(value);
    const nothing = suspect ? nothingIn(value) : undefined;
    if (nothing !== undefined)
      throw new UnusableValueError(
        `Node '${node}': ${hole} in ${place} is ${nothing}; correct it, or let it be '' or null where nothing is meant`,
        ...[node, place, hole],
      );
  };
}

/** A value that is nothing would make another request than the one that is written: `DELETE /orders/` for `DELETE /orders/7`. */
function sentRule(node: string, place: string): HoleRule {
  return (value, hole) => {
    const nothing = nothingIn(value);
    if (nothing !== undefined)
      throw new UnusableValueError(
        `Node '${node}': ${hole} in ${place} is ${nothing}, so nothing was sent; correct it, or skip the node with "when"`,
        ...[node, place, hole],
      );
  };
}

/** What a value is that says nothing; `undefined` for one that says something, as 0 and false do. */
function nothingIn(value: unknown): string | undefined {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return nothingInText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value);
  if (isFunction(value)) return 'a function';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : undefined;
  return typeof value === 'object' && Object.keys(value).length === 0 ? 'an empty object' : undefined;
}

function nothingInText(text: string): string | undefined {
  if (text.trim() === '') return text === '' ? 'an empty text' : 'a blank text';
  return /\p{Surrogate}/u.test(text) ? 'no text: it has half of a surrogate pair' : undefined;
}

/** Those of JSONata are objects. */
function isFunction(value: unknown): boolean {
  return (
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && ('_jsonata_function' in value || '_jsonata_lambda' in value))
  );
}
