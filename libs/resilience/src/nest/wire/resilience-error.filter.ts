import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger, Optional } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, HttpAdapterHost } from '@nestjs/core';
import { problemType } from '../openapi/problem.schema.js';
import { type Observable, throwError } from 'rxjs';

import type { ResilienceError } from '../../engine/errors.js';
import { redactText } from '../../engine/redaction/index.js';
import type { ResolvedModuleOptions } from '../resilience.options.js';
import { RESILIENCE_MODULE_OPTIONS } from '../tokens.js';
import { filterGateways } from '../private/gateway-filter.js';
import { sendProblem } from './send-problem.js';
import { answerOf, retryAfterHeader, type WireAnswer, WireError } from './wire-error.js';

/**
 * Tells callers outside what an error of this library means, unless a filter of the application does.
 *
 * It registers itself, before Nest adds the `APP_FILTER`s: the first global filter is the last to be asked, whereas an
 * `APP_FILTER` of an imported module would be asked before those of the root module. Gateways know no global filters, so each
 * of them is given it.
 */
@Catch(WireError)
export class ResilienceErrorFilter implements ExceptionFilter<ResilienceError> {
  private readonly logger = new Logger('Resilience:Wire');

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(RESILIENCE_MODULE_OPTIONS) options: ResolvedModuleOptions,
    // A standalone application context has none: nobody calls it from outside.
    @Optional() @Inject(ApplicationConfig) config?: ApplicationConfig,
    @Optional() @Inject(DiscoveryService) discovery?: DiscoveryService,
  ) {
    if (options.mapErrors) config?.addGlobalFilter(this);
    if (discovery !== undefined) filterGateways(discovery, this, options.mapErrors);
  }

  catch(error: ResilienceError, context: ArgumentsHost): Observable<never> | void {
    const answer = answerOf(error);
    switch (context.getType<string>()) {
      case 'http':
        return this.http(answer, context.getArgByIndex<unknown>(1));
      case 'rpc':
        return this.rpc(error, answer);
      case 'ws':
        return emit(answer, context);
      default:
        // GraphQL and whatever else calls handlers reports the error itself; undefined lets Nest go on with it.
        explain(error, answer);
    }
  }

  private http(answer: WireAnswer, response: unknown): void {
    // Libraries that call handlers by Nest's ExternalContextCreator may say 'http' and have no response: theirs to report.
    if (!isResponse(response)) return;
    const { status, title, detail, code } = answer;
    const retryAfter = retryAfterHeader(answer);
    const problem = { type: problemType(code), title, status, detail, code };
    sendProblem(
      this.host.httpAdapter,
      response,
      problem,
      retryAfter === undefined ? {} : { 'Retry-After': retryAfter },
    );
  }

  /** The caller is a service of one's own, so it may know which circuit it was. */
  private rpc({ message }: ResilienceError, { code, retryAfterMs }: WireAnswer): Observable<never> {
    // An event has no caller to tell, and Nest does not say here which of the two it was.
    this.logger.warn(`${code}: ${redactText(message)}`);
    return throwError(() => ({ status: 'error', code, message, ...(retryAfterMs !== undefined && { retryAfterMs }) }));
  }
}

function isResponse(response: unknown): boolean {
  return typeof response === 'object' && response !== null && ('send' in response || 'writeHead' in response);
}

interface SocketClient {
  emit?(event: string, payload: object): unknown;
  send?(frame: string): unknown;
  readonly readyState?: number;
}

function emit({ code, detail, retryAfterMs }: WireAnswer, context: ArgumentsHost): void {
  const ws = context.switchToWs();
  const client = ws.getClient<SocketClient>();
  const cause = { pattern: ws.getPattern(), data: ws.getData<unknown>() };
  const payload = {
    status: 'error',
    code,
    message: detail,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    cause,
  };
  // The `ws` package's emit() stays in this process; its clients expect the frames of Nest's WsAdapter.
  if (typeof client.readyState !== 'number') client.emit?.('exception', payload);
  else client.send?.(JSON.stringify({ event: 'exception', data: payload }));
}

/** graphql-js copies `extensions` of the error that a resolver threw. Not enumerable: logs need no second copy of the code. */
function explain(error: ResilienceError & { extensions?: unknown }, { code, retryAfterMs }: WireAnswer): void {
  if (error.extensions !== undefined || !Object.isExtensible(error)) return;
  const extensions = { code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  Object.defineProperty(error, 'extensions', { value: extensions, configurable: true, writable: true });
}
