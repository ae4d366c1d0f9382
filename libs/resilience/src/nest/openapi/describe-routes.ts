import type { Type } from '@nestjs/common';

import type { Fields, Schema } from './schema.js';

export interface ResponseDescription {
  readonly description: string;
  /** @default no body */
  readonly schema?: Schema;
  /** @default application/json */
  readonly mediaType?: string;
}

export interface RouteDescription {
  readonly summary: string;
  readonly description?: string;
  readonly query?: Fields | undefined;
  /** Of parameters in the path. */
  readonly params?: Fields;
  readonly headers?: Fields;
  readonly body?: Schema;
  readonly responses: Readonly<Record<number, ResponseDescription>>;
}

/** What OpenAPI says of a controller: of all its routes, and of each by its method's name. */
export interface ControllerDescription {
  readonly tag: string;
  /** Answers that any of its routes may give. */
  readonly responses?: Readonly<Record<number, ResponseDescription>>;
  /** Name of the security scheme, as `DocumentBuilder.addBearerAuth()` gives it. */
  readonly security?: string;
  readonly routes: Readonly<Record<string, RouteDescription>>;
}

type Swagger = typeof import('@nestjs/swagger');

/**
 * Has `SwaggerModule.createDocument()` describe the routes, where `@nestjs/swagger` is installed. Its decorators are applied
 * while the application is put together, as a provider's factory: the package is an ES module, so loading it only if it is there takes
 * an `await`, which no decorator can.
 */
export async function describeRoutes(
  controllers: readonly (readonly [type: Type, description: ControllerDescription])[],
): Promise<void> {
  const swagger = await import('@nestjs/swagger').catch(() => undefined);
  if (swagger === undefined) return;
  for (const [type, description] of controllers) describeController(swagger, type, description);
}

/** Handlers are shared by the subclasses that modules make of a controller. */
const described = new WeakSet<object>();

function describeController(swagger: Swagger, type: Type, description: ControllerDescription): void {
  const { tag, responses = {}, security, routes } = description;
  swagger.ApiTags(tag)(type);
  if (security !== undefined) swagger.ApiSecurity(security)(type);
  for (const decorate of responseDecorators(swagger, responses)) decorate(type);
  for (const [name, route] of Object.entries(routes)) {
    const [owner, descriptor] = handlerOf(type.prototype as object, name);
    if (described.has(descriptor.value as object)) continue;
    described.add(descriptor.value as object);
    for (const decorate of routeDecorators(swagger, `${tag}_${name}`, route)) decorate(owner, name, descriptor);
  }
}

function routeDecorators(swagger: Swagger, operationId: string, route: RouteDescription): MethodDecorator[] {
  const { summary, description, query = {}, params = {}, headers = {}, body, responses } = route;
  const { ApiBody, ApiHeader, ApiOperation, ApiParam, ApiQuery } = swagger;
  return [
    ApiOperation({ operationId, summary, ...(description !== undefined && { description }) }),
    ...Object.entries(params).map(([name, schema]) => ApiParam({ name, ...withDescription(schema) })),
    ...Object.entries(query).map(([name, schema]) => ApiQuery({ name, required: false, ...withDescription(schema) })),
    ...Object.entries(headers).map(([name, schema]) =>
      ApiHeader({ name, required: false, ...withDescription(schema) }),
    ),
    ...(body === undefined ? [] : [ApiBody({ required: false, schema: body as object })]),
    ...responseDecorators(swagger, responses),
  ];
}

function withDescription(schema: Schema): { schema: object; description?: string } {
  const { description, ...rest } = schema;
  return { schema: rest, ...(description !== undefined && { description }) };
}

function responseDecorators(
  { ApiResponse }: Swagger,
  responses: Readonly<Record<number, ResponseDescription>>,
): (MethodDecorator & ClassDecorator)[] {
  return Object.entries(responses).map(([status, { description, schema, mediaType = 'application/json' }]) =>
    ApiResponse({
      status: Number(status),
      description,
      ...(schema !== undefined && { content: { [mediaType]: { schema: schema as object } } }),
    }),
  );
}

function handlerOf(prototype: object, name: string): [owner: object, descriptor: PropertyDescriptor] {
  for (let owner: object | null = prototype; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    if (descriptor !== undefined) return [owner, descriptor];
  }
  throw new TypeError(`There is no handler '${name}' to describe`);
}
