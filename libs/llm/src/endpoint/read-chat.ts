import type { ModelCall } from '../providers/model-call.js';
import { Fields } from './fields.js';
import { badRequest } from './openai-problem.js';
import type { Json } from './read-body.js';
import { readMessages } from './read-messages.js';
import { readSchema } from './read-schema.js';

export interface ChatRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly call: Omit<ModelCall, 'abortSignal'>;
  /** What only targets of OpenAI's own wire understand, by the names of that wire. */
  readonly passedOn: Json;
}

/** By the names of the wire and of `@ai-sdk/openai`. Targets of other wires have no place for them. */
const PASSED_ON: Readonly<Record<string, string>> = {
  ...{ reasoning_effort: 'reasoningEffort', verbosity: 'textVerbosity', parallel_tool_calls: 'parallelToolCalls' },
  ...{ user: 'user', metadata: 'metadata', store: 'store', service_tier: 'serviceTier', logit_bias: 'logitBias' },
  ...{ prediction: 'prediction', prompt_cache_key: 'promptCacheKey', safety_identifier: 'safetyIdentifier' },
};

const NOT_SERVED: Readonly<Record<string, string>> = {
  logprobs: 'the chain has no place for them in its answers',
  top_logprobs: 'the chain has no place for them in its answers',
  modalities: 'answers are text and calls of tools',
  audio: 'answers are text and calls of tools',
  functions: "say 'tools'",
  function_call: "say 'tool_choice'",
  web_search_options: 'it is a tool of one vendor',
};

/** Reads the body of `POST /chat/completions`. @throws OpenAiProblem 400 that names the field */
export function readChat(body: Json): ChatRequest {
  const fields = new Fields(body);
  const model = fields.required('model', fields.text('model'));
  const prompt = readMessages(fields.required('messages', fields.list('messages')));
  if ((fields.whole('n', 1) ?? 1) > 1)
    throw badRequest('n', "'n' must be 1: a call has one answer.", 'unsupported_parameter');
  const stream = fields.flag('stream') ?? false;
  const options = fields.object_('stream_options');
  const includeUsage = options?.flag('include_usage') ?? false;
  // Padding against those who watch packets; what is sent here has none.
  options?.flag('include_obfuscation');
  options?.end();
  const passedOn = Object.fromEntries(
    Object.keys(PASSED_ON).flatMap((name) => {
      const value = fields.any(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const call = { prompt, ...settingsOf(fields), ...toolsOf(fields), ...formatOf(fields) };
  fields.end(NOT_SERVED);
  return { model, stream, includeUsage, call, passedOn };
}

/** The same by the names of `@ai-sdk/openai`. */
export function openAiOptions(passedOn: Json): Json {
  return Object.fromEntries(Object.entries(passedOn).map(([name, value]) => [PASSED_ON[name] ?? name, value]));
}

function settingsOf(fields: Fields): Partial<ModelCall> {
  const maxOutputTokens = fields.whole('max_completion_tokens', 1) ?? fields.whole('max_tokens', 1);
  fields.any('max_tokens');
  const given = {
    maxOutputTokens,
    temperature: fields.number('temperature', 0, 2),
    topP: fields.number('top_p', 0, 1),
    presencePenalty: fields.number('presence_penalty', -2, 2),
    frequencyPenalty: fields.number('frequency_penalty', -2, 2),
    seed: fields.whole('seed', Number.MIN_SAFE_INTEGER),
    stopSequences: stopOf(fields),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function stopOf(fields: Fields): string[] | undefined {
  const stop = fields.any('stop');
  if (stop === undefined || typeof stop === 'string') return stop === undefined ? undefined : [stop];
  const list = fields.list('stop') ?? [];
  if (!list.every((one) => typeof one === 'string'))
    throw badRequest('stop', "'stop' must be a text or a list of texts.");
  return [...list];
}

function toolsOf(fields: Fields): Pick<ModelCall, 'tools' | 'toolChoice'> {
  const list = fields.list('tools');
  const tools = list?.map((tool, index) => {
    const one = Fields.of(tool, `tools[${index}]`);
    if (one.text('type') !== 'function')
      throw badRequest(
        one.nameOf('type'),
        `'${one.nameOf('type')}' must be 'function': other tools are those of one vendor.`,
      );
    const meant = one.required('function', one.object_('function'));
    one.end();
    const name = meant.required('name', meant.text('name'));
    if (!/^[\w-]{1,64}$/.test(name))
      throw badRequest(meant.nameOf('name'), `'${meant.nameOf('name')}' must be 1 to 64 letters, digits, _ or -.`);
    const description = meant.text('description');
    const strict = meant.flag('strict');
    const parameters = meant.any('parameters');
    meant.end();
    return {
      type: 'function' as const,
      name,
      inputSchema:
        parameters === undefined
          ? { type: 'object' as const, properties: {} }
          : readSchema(parameters, meant.nameOf('parameters')),
      ...(description !== undefined && { description }),
      ...(strict !== undefined && { strict }),
    };
  });
  const names = tools?.map(({ name }) => name) ?? [];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw badRequest('tools', `Two tools have the name '${twice}'.`);
  const toolChoice = choiceOf(fields, names);
  return { ...(tools && tools.length > 0 && { tools }), ...(toolChoice && { toolChoice }) };
}

function choiceOf(fields: Fields, names: readonly string[]): ModelCall['toolChoice'] {
  const choice = fields.any('tool_choice');
  if (choice === undefined) return undefined;
  if (names.length === 0) throw badRequest('tool_choice', "'tool_choice' has no tools to choose from.");
  if (choice === 'none' || choice === 'auto' || choice === 'required') return { type: choice };
  const one = Fields.of(choice, 'tool_choice');
  if (one.text('type') !== 'function')
    throw badRequest(
      'tool_choice',
      "'tool_choice' must be none, auto, required, or { type: 'function', function: { name } }.",
    );
  const meant = one.required('function', one.object_('function'));
  const toolName = meant.required('name', meant.text('name'));
  meant.end();
  one.end();
  if (!names.includes(toolName))
    throw badRequest('tool_choice.function.name', `There is no tool '${toolName}'; there are ${names.join(', ')}.`);
  return { type: 'tool', toolName };
}

function formatOf(fields: Fields): Pick<ModelCall, 'responseFormat'> {
  const format = fields.object_('response_format');
  const type = format?.text('type');
  if (format === undefined || type === undefined) return {};
  const inner = format.object_('json_schema');
  format.end();
  if (type === 'text') return {};
  if (type === 'json_object') return { responseFormat: { type: 'json' } };
  if (type !== 'json_schema')
    throw badRequest('response_format.type', "'response_format.type' must be text, json_object or json_schema.");
  const schema = format.required('json_schema', inner);
  const name = schema.text('name');
  const description = schema.text('description');
  // Every answer is checked here, strict or not.
  schema.flag('strict');
  const read = readSchema(schema.required('schema', schema.any('schema')), 'response_format.json_schema.schema');
  schema.end();
  return {
    responseFormat: { type: 'json', schema: read, ...(name && { name }), ...(description && { description }) },
  };
}
