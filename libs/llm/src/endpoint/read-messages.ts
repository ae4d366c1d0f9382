import type { ModelMessage, ModelPrompt } from '../providers/model-call.js';
import { Fields } from './fields.js';
import { readFile } from './read-files.js';
import { badRequest } from './openai-problem.js';

type UserPart = Exclude<Extract<ModelMessage, { role: 'user' }>['content'], string>[number];
type AssistantPart = Exclude<Extract<ModelMessage, { role: 'assistant' }>['content'], string>[number];

/** The messages of a chat in the words of the AI SDK, system messages first. */
export function readMessages(messages: readonly unknown[]): ModelPrompt {
  if (messages.length === 0) throw badRequest('messages', "'messages' must have at least one message.");
  /** Which tool each call of the conversation meant. */
  const called = new Map<string, string>();
  const read = messages.map((message, index) => readMessage(Fields.of(message, `messages[${index}]`), called));
  const isSystem = ({ role }: ModelMessage) => role === 'system';
  return [...read.filter(isSystem), ...read.filter((message) => !isSystem(message))];
}

function readMessage(fields: Fields, called: Map<string, string>): ModelMessage {
  const role = fields.required('role', fields.text('role'));
  // Only tells apart several who speak in one role; the models behind have no place for it.
  const name = fields.text('name');
  const message = byRole(role, fields, called);
  fields.end({ audio: 'answers in audio are not kept' });
  if (name !== undefined) throw badRequest(fields.nameOf('name'), "Speakers are not told apart by 'name'; say it in the text.", 'unsupported_parameter'); // prettier-ignore
  return message;
}

function byRole(role: string, fields: Fields, called: Map<string, string>): ModelMessage {
  switch (role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: fields.required('content', textOf(fields, 'content')) };
    case 'user':
      return { role: 'user', content: fields.required('content', userParts(fields)) };
    case 'assistant':
      return { role: 'assistant', content: assistantParts(fields, called) };
    case 'tool':
      return { role: 'tool', content: [toolResult(fields, called)] };
    default:
      throw badRequest(fields.nameOf('role'), `No message has the role '${role}'; there are system, developer, user, assistant, tool.`); // prettier-ignore
  }
}

/** A text, or parts of nothing else. */
function textOf(fields: Fields, field: string): string | undefined {
  const content = fields.any(field);
  if (content === undefined || typeof content === 'string') return content;
  const parts = fields.list(field) ?? [];
  return parts
    .map((part, index) => {
      const one = Fields.of(part, `${fields.nameOf(field)}[${index}]`);
      const type = one.text('type');
      if (type !== 'text' && type !== 'refusal')
        throw badRequest(one.nameOf('type'), `'${one.nameOf('type')}' must be 'text' here.`);
      const text = one.required(type, one.text(type));
      one.end();
      return text;
    })
    .join('\n');
}

function userParts(fields: Fields): UserPart[] | undefined {
  const content = fields.any('content');
  if (content === undefined) return undefined;
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return (fields.list('content') ?? []).map((part, index) => {
    const one = Fields.of(part, `${fields.nameOf('content')}[${index}]`);
    const type = one.required('type', one.text('type'));
    const read: UserPart =
      type === 'text' ? { type, text: one.required('text', one.text('text')) } : readFile(type, one);
    one.end();
    return read;
  });
}

function assistantParts(fields: Fields, called: Map<string, string>): AssistantPart[] {
  const text = textOf(fields, 'content') ?? fields.text('refusal');
  const thought = fields.text('reasoning_content') ?? fields.text('reasoning');
  fields.any('refusal');
  fields.any('reasoning');
  const calls = (fields.list('tool_calls') ?? []).map((call, index): AssistantPart => {
    const one = Fields.of(call, `${fields.nameOf('tool_calls')}[${index}]`);
    one.any('type');
    one.any('index');
    const toolCallId = one.required('id', one.text('id'));
    const meant = one.required('function', one.object_('function'));
    const toolName = meant.required('name', meant.text('name'));
    const input = parsed(meant.text('arguments') ?? '{}', meant.nameOf('arguments'));
    meant.end();
    one.end();
    called.set(toolCallId, toolName);
    return { type: 'tool-call', toolCallId, toolName, input };
  });
  const parts: AssistantPart[] = [
    ...(thought ? [{ type: 'reasoning', text: thought } as const] : []),
    ...(text ? [{ type: 'text', text } as const] : []),
    ...calls,
  ];
  if (parts.length === 0) throw badRequest(fields.nameOf('content'), `'${fields.nameOf('content')}' is missing.`);
  return parts;
}

function toolResult(fields: Fields, called: ReadonlyMap<string, string>) {
  const toolCallId = fields.required('tool_call_id', fields.text('tool_call_id'));
  const toolName = called.get(toolCallId);
  if (toolName === undefined)
    throw badRequest(
      fields.nameOf('tool_call_id'),
      `No message before this one calls a tool with the id '${toolCallId}'.`,
    );
  const value = fields.required('content', textOf(fields, 'content'));
  return { type: 'tool-result' as const, toolCallId, toolName, output: { type: 'text' as const, value } };
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text);
  } catch {
    throw badRequest(path, `'${path}' is no JSON.`);
  }
}
