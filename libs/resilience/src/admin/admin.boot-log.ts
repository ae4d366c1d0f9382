import { Inject, Injectable, Logger, type OnApplicationBootstrap, RequestMethod } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { AdminGuard } from './admin.guard.js';
import { type AdminAccess, RESILIENCE_ADMIN } from './admin.options.js';

/** Where Nest's own decorators keep what they were told. */
const PATH = 'path';
const METHOD = 'method';
const GUARDS = '__guards__';

/** A token shorter than this can be guessed over the network. */
const SAFE_TOKEN_LENGTH = 16;

const OPENED_BY = {
  nobody: 'Closed to everybody, until AdminModule.forRoot({ token }) or ({ guard }) opens them',
  token: 'Open to whoever has the token',
  guard: 'Open to whom the guard lets through',
} as const;

/** Says at boot which guarded routes there are, in any module, and who may use them. */
@Injectable()
export class AdminBootLog implements OnApplicationBootstrap {
  private readonly logger = new Logger('Admin');

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    @Inject(RESILIENCE_ADMIN) private readonly access: AdminAccess,
  ) {}

  onApplicationBootstrap(): void {
    const { access } = this;
    this.logger.log(`${OPENED_BY[access.by]}: ${this.guardedRoutes().join(', ')}`);
    if (access.by === 'token' && access.token.length < SAFE_TOKEN_LENGTH) {
      this.logger.warn(
        `The admin token has ${access.token.length} characters, which can be guessed: use ${SAFE_TOKEN_LENGTH} or more`,
      );
    }
  }

  private guardedRoutes(): string[] {
    const routes: string[] = [];
    for (const { metatype } of this.discovery.getControllers()) {
      if (typeof metatype !== 'function') continue;
      const prototype = metatype.prototype as Record<string, object>;
      for (const name of this.scanner.getAllMethodNames(prototype)) {
        const handler = prototype[name];
        if (handler === undefined || Reflect.getMetadata(METHOD, handler) === undefined) continue;
        if (guarded(metatype) || guarded(handler)) routes.push(routeOf(metatype, handler));
      }
    }
    return routes;
  }
}

function guarded(target: object): boolean {
  return ((Reflect.getMetadata(GUARDS, target) ?? []) as unknown[]).includes(AdminGuard);
}

function routeOf(controller: object, handler: object): string {
  const method = RequestMethod[Reflect.getMetadata(METHOD, handler) as RequestMethod];
  const paths = [controller, handler].flatMap((target) => String(Reflect.getMetadata(PATH, target) ?? '').split('/'));
  return `${method} /${paths.filter(Boolean).join('/')}`;
}
