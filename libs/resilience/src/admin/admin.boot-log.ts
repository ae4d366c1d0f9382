import { Inject, Injectable, Logger, type OnApplicationBootstrap, RequestMethod } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { type AdminAccess, RESILIENCE_ADMIN } from './admin.options.js';
import { NEST_METADATA } from '../nest/private/nest-metadata.js';
import { routeHandlers } from './guarded-handlers.js';

/** Where Nest's own decorators keep what they were told. */
const { path: PATH, method: METHOD } = NEST_METADATA;

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
  private readonly logger = new Logger('Resilience:Admin');

  constructor(
    private readonly discovery: DiscoveryService,
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
    return routeHandlers(this.discovery.getControllers()).flatMap(({ controller, handler, guarded }) =>
      guarded ? [routeOf(controller, handler)] : [],
    );
  }
}

function routeOf(controller: object, handler: object): string {
  const method = RequestMethod[Reflect.getMetadata(METHOD, handler) as RequestMethod];
  const paths = [controller, handler].flatMap((target) => String(Reflect.getMetadata(PATH, target) ?? '').split('/'));
  return `${method} /${paths.filter(Boolean).join('/')}`;
}
