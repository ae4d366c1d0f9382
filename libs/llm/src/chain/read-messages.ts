import type { option } from '@nest-resilience/core';
import type { LlmMessage } from '../llm.request.js';
import type { ModelMessage } from '../providers/model-call.js';

const ALLOWED =
  "a list of { role: 'system' | 'user' | 'assistant', content } with at least one of the user; content is a text, or of users and assistants a list of parts { type: 'text', text } and { type: 'file', data, mediaType }";

/** A conversation in the words of the AI SDK. Providers want system messages in front; their order among themselves stays. */
export function readMessages(value: unknown, at: option.Place): ModelMessage[] | undefined {
  if (!Array.isArray(value) || !value.every(isMessage) || !value.some(({ role }) => role === 'user'))
    return at.refuse(value, ALLOWED);
  const isSystem = ({ role }: LlmMessage) => role === 'system';
  return [...value.filter(isSystem), ...value.filter((message) => !isSystem(message))].map(modelMessage);
}

export function modelMessage({ role, content }: LlmMessage): ModelMessage {
  if (role === 'system') return { role, content: content as string };
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return { role, content: parts } as ModelMessage;
}

function isMessage(value: unknown): value is LlmMessage {
  const { role, content } = Object(value) as Partial<LlmMessage>;
  if (role === 'system') return typeof content === 'string';
  if (role !== 'user' && role !== 'assistant') return false;
  return typeof content === 'string' || (Array.isArray(content) && content.length > 0 && content.every(isPart));
}

function isPart(value: unknown): boolean {
  const { type, text, data, mediaType } = Object(value) as Readonly<Record<string, unknown>>;
  if (type === 'text') return typeof text === 'string';
  const hasData = typeof data === 'string' || data instanceof Uint8Array || data instanceof URL;
  return type === 'file' && hasData && typeof mediaType === 'string';
}
