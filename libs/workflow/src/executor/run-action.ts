import { isObservable, lastValueFrom } from 'rxjs';
import type { Scope } from '../expression/expression.js';
import { textOf } from '../expression/text-of.js';
import type { ItemAction } from '../graph/definition.js';
import { listenWhile } from './method-events.js';
import type { StepContext } from '../graph/step-context.js';
import type { LlmPort, LlmPortResult } from '../llm.port.js';
import type { RequestClient } from '../request/request.client.js';
import { runRequest } from '../request/run-request.js';

/** What actions need from outside. */
export interface ActionWorld {
  handler(target: string): (input: unknown, context: StepContext) => unknown;
  readonly llm: LlmPort | undefined;
  /** Makes the requests of `http` nodes. */
  readonly requests: RequestClient;
}

/** Does once what a node does. */
export async function runAction(
  action: ItemAction,
  scope: Scope,
  context: StepContext,
  world: ActionWorld,
  onAnswer: (answer: LlmPortResult) => void,
): Promise<unknown> {
  switch (action.type) {
    case 'run':
      return settle(action.run(context));
    case 'call':
      return settle(world.handler(action.target)(context.input, context));
    case 'http':
      return runRequest(action.http, scope, context, world.requests);
    case 'transform':
      return action.transform.evaluate(scope);
    case 'constant':
      return action.value;
    case 'llm': {
      if (!world.llm) throw new Error('no language model is configured');
      const messages = await Promise.all(
        action.messages.map(async ({ role, content }) => ({ role, content: textOf(await content.evaluate(scope)) })),
      );
      const { schema, model, degraded, minQuality } = action;
      const request = {
        ...{ messages, signal: context.signal },
        ...(schema && { schema }),
        ...(model && { model }),
        ...(degraded && { degraded }),
        ...(minQuality !== undefined && { minQuality }),
      };
      // It answers here, so its events would be the same once more.
      const { llm } = world;
      const answer = await listenWhile(undefined, () => llm.complete(request));
      onAnswer(answer);
      return schema ? (answer.object ?? answer.text) : answer.text;
    }
  }
}

/** Methods may answer with a value, a promise or an Observable, whose last item counts. */
function settle(value: unknown): unknown {
  return isObservable(value) ? lastValueFrom(value, { defaultValue: undefined }) : value;
}
