import { atOnce } from './at-once.js';
import { isInstance } from './foreign-error.js';

/** Error classes, predicates, or a list of which any may match. */
export type Matcher = ErrorClass | ErrorPredicate | readonly (ErrorClass | ErrorPredicate)[];

export type ErrorClass = abstract new (...args: never[]) => Error;
export type ErrorPredicate = (error: unknown) => boolean;

export function isMatcher(value: unknown): value is Matcher {
  if (Array.isArray(value)) return value.length > 0 && value.every((one) => typeof one === 'function');
  return typeof value === 'function';
}

/**
 * Turns a matcher into one predicate.
 * @param option where it was given, e.g. `@Retry > retryOn`
 */
export function compileMatcher(matcher: Matcher, option: string): ErrorPredicate {
  if (isList(matcher)) {
    const predicates = matcher.map((one) => compileMatcher(one, option));
    return (error) => predicates.some((matches) => matches(error));
  }
  return isErrorClass(matcher) ? (error) => isInstance(error, matcher) : (error) => atOnce(matcher(error), option);
}

function isList(matcher: Matcher): matcher is readonly (ErrorClass | ErrorPredicate)[] {
  return Array.isArray(matcher);
}

function isErrorClass(value: ErrorClass | ErrorPredicate): value is ErrorClass {
  return value === (Error as unknown) || (value.prototype as unknown) instanceof Error;
}
