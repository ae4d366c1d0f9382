import 'reflect-metadata';

import { ResilienceModule } from '@nest-resilience/core';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** What `@A @B method()` compiles to: decorators are applied from the method outwards. */
export function decorate(type, method, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  for (const decorator of decorators.reverse()) decorator(type.prototype, method, descriptor);
  Object.defineProperty(type.prototype, method, descriptor);
  return type;
}

/** A real application around the providers, with our module in it. */
export async function startApplication(providers, imports = [ResilienceModule.forRoot()]) {
  class Application {}
  for (const provider of providers) Injectable()(provider);
  Module({ imports, providers })(Application);
  return await NestFactory.createApplicationContext(Application, { logger: false });
}

/** One that has routes, but listens nowhere. */
export async function startRoutes(controllers) {
  class Application {}
  Module({ imports: [ResilienceModule.forRoot()], controllers })(Application);
  const application = await NestFactory.create(Application, { logger: false });
  return await application.init();
}
