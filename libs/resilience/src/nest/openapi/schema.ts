/**
 * As much of JSON Schema as our routes need. `T` is what it describes: the compiler takes a schema for answers only where it fits
 * every value of their type, and reads the type of a request from its schema ({@link Of}).
 */
export interface Schema<in T = never> {
  readonly type?: 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array';
  readonly description?: string;
  readonly enum?: readonly (string | number)[];
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly format?: 'date-time';
  readonly items?: Schema;
  readonly properties?: Fields;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  /** Never there: the compiler reads it. */
  readonly of?: (value: T) => void;
}

/** By name; of an object's, one that ends in `?` may be missing. */
export type Fields = Readonly<Record<string, Schema>>;

/** What a schema describes. */
export type Of<S> = S extends Schema<infer T> ? T : never;

type ObjectOf<F extends Fields> = {
  readonly [K in keyof F as K extends `${string}?` ? never : K]: Of<F[K]>;
} & { readonly [K in keyof F as K extends `${infer Name}?` ? Name : never]?: Of<F[K]> };

/** A schema for each field of `T`, and for nothing else. */
export type FieldsOf<T> = {
  readonly [K in keyof T & string as MayBeMissing<T, K> extends true ? `${K}?` : K]-?: Schema<Exclude<T[K], undefined>>;
};

type MayBeMissing<T, K extends keyof T> = unknown extends T[K]
  ? Partial<Pick<T, K>> extends Pick<T, K> ? true : false
  : undefined extends T[K] ? true : false; // prettier-ignore

const described = (description?: string) => (description === undefined ? {} : { description });

export const text = (description?: string): Schema<string> => ({ type: 'string', ...described(description) });
/** Not empty. */
export const name = (description?: string): Schema<string> => ({ ...text(description), minLength: 1 });
export const number = (description?: string): Schema<number> => ({ type: 'number', ...described(description) });
export const integer = (description?: string): Schema<number> => ({ type: 'integer', ...described(description) });
export const flag = (description?: string): Schema<boolean> => ({ type: 'boolean', ...described(description) });
export const oneOf = <T extends string>(values: readonly T[], description?: string): Schema<T> => ({
  ...{ type: 'string', enum: values },
  ...described(description),
});
export const list = <T>(items: Schema<T>, description?: string): Schema<readonly T[]> => ({
  ...{ type: 'array', items },
  ...described(description),
});
/** A JSON object whose keys are not known beforehand. */
export const dictionary = <T>(values: Schema<T>, description?: string): Schema<Readonly<Record<string, T>>> => ({
  ...{ type: 'object', additionalProperties: values },
  ...described(description),
});
/** A JSON object of any form. */
export const anyObject = (description?: string): Schema<object> => ({
  ...{ type: 'object', additionalProperties: true },
  ...described(description),
});
export const nullable = <T>(schema: Schema<T>): Schema<T | null> => ({ ...(schema as object), nullable: true });

/** What a request may hold: its type is read from here. */
export function object<F extends Fields>(fields: F): Schema<ObjectOf<F>> {
  const names = Object.keys(fields);
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name.replace(/\?$/, ''), fields[name] ?? {}])),
    required: names.filter((name) => !name.endsWith('?')),
  };
}

/** What is answered: its fields are those of the type, no more and no fewer. */
export const objectOf = <T>(fields: FieldsOf<T>): Schema<T> => object(fields as Fields) as Schema<T>;
