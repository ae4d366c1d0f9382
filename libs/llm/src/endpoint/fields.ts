import { didYouMean } from '@nest-resilience/core/kit';
import { badRequest } from './openai-problem.js';
import { isObject, type Json } from './read-body.js';

/** The fields of an object of a request, each read once; what nobody reads is refused by its name. */
export class Fields {
  private readonly read = new Set<string>();

  constructor(
    private readonly object: Json,
    private readonly path = '',
  ) {}

  static of(value: unknown, path: string): Fields {
    if (!isObject(value)) throw badRequest(path, `'${path}' must be an object.`);
    return new Fields(value, path);
  }

  nameOf(field: string): string {
    return this.path === '' ? field : `${this.path}.${field}`;
  }

  /** `null` is what many clients send for nothing. */
  any(field: string): unknown {
    this.read.add(field);
    return this.object[field] ?? undefined;
  }

  text(field: string): string | undefined {
    return this.take(field, 'a text', (value) => typeof value === 'string') as string | undefined;
  }

  flag(field: string): boolean | undefined {
    return this.take(field, 'true or false', (value) => typeof value === 'boolean') as boolean | undefined;
  }

  number(field: string, min: number, max: number): number | undefined {
    const fits = (value: unknown) => typeof value === 'number' && value >= min && value <= max;
    return this.take(field, `a number from ${min} to ${max}`, fits) as number | undefined;
  }

  whole(field: string, min: number): number | undefined {
    const fits = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= min;
    return this.take(field, `a whole number >= ${min}`, fits) as number | undefined;
  }

  list(field: string): readonly unknown[] | undefined {
    return this.take(field, 'a list', Array.isArray) as readonly unknown[] | undefined;
  }

  object_(field: string): Fields | undefined {
    const value = this.any(field);
    return value === undefined ? undefined : Fields.of(value, this.nameOf(field));
  }

  required<T>(field: string, value: T | undefined): T {
    if (value === undefined) throw badRequest(this.nameOf(field), `'${this.nameOf(field)}' is missing.`);
    return value;
  }

  /** @param instead what is said of fields that are known, and not served */
  end(instead: Readonly<Record<string, string>> = {}): void {
    const unknown = Object.keys(this.object).find((field) => !this.read.has(field) && this.object[field] != null);
    if (unknown === undefined) return;
    const name = this.nameOf(unknown);
    const why = instead[unknown];
    if (why !== undefined) throw badRequest(name, `'${name}' is not served here: ${why}.`, 'unsupported_parameter');
    throw badRequest(name, `Unknown parameter: '${name}'${didYouMean(unknown, [...this.read])}.`, 'unknown_parameter');
  }

  private take(field: string, allowed: string, fits: (value: unknown) => boolean): unknown {
    const value = this.any(field);
    if (value === undefined || fits(value)) return value;
    throw badRequest(this.nameOf(field), `'${this.nameOf(field)}' must be ${allowed}.`);
  }
}
