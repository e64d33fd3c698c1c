/**
 * How a model's author wrote conversations as text: a Jinja template, run by Hugging Face's own JavaScript implementation.
 * A template sees messages and its special tokens and nothing else, and runs within bounds (bounded-template.ts).
 */

import { InvalidFileError } from '@inattention/core';
import { describe, isRecord } from '../json/describe.ts';

export interface ChatMessage {
  /** "system", "user", "assistant", or what else the template knows. */
  readonly role: string;
  readonly content: string;
}

export interface ChatTemplate {
  /** Jinja. */
  readonly source: string;
  /** What the template calls its special tokens: bos_token, eos_token, … */
  readonly specialTokens: Readonly<Record<string, string>>;
}

export interface ChatOptions {
  /** End with what introduces the assistant's answer. Default true. */
  readonly addGenerationPrompt?: boolean;
}

const tokenNames = ['bos_token', 'eos_token', 'unk_token', 'pad_token'];

/**
 * The text of a conversation, special tokens included. Throws InvalidArgumentError where the template refuses the
 * messages or goes on without end, InvalidFileError for a template that cannot be parsed.
 */
export async function renderChat(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  { addGenerationPrompt = true }: ChatOptions = {},
): Promise<string> {
  const { renderTemplate } = await import('./render-template.ts');
  return renderTemplate(template, messages, addGenerationPrompt);
}

/**
 * The chat template of a parsed tokenizer_config.json and, where a folder has one, of chat_template.jinja, which counts.
 * null when there is none. Throws InvalidFileError.
 */
export function chatTemplateOf(tokenizerConfig: unknown, jinja?: string): ChatTemplate | null {
  const config = isRecord(tokenizerConfig) ? tokenizerConfig : {};
  const source = jinja ?? templateText(config.chat_template);
  if (source === null) return null;
  const tokens = tokenNames.flatMap((name) => {
    const value = config[name];
    const token = isRecord(value) ? value.content : value; // a text, or an added token with its flags
    return typeof token === 'string' ? [[name, token] as const] : [];
  });
  return { source, specialTokens: Object.fromEntries(tokens) };
}

/** A template, or the one named "default" of several. */
function templateText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  const named = Array.isArray(value) ? value.find((entry) => isRecord(entry) && entry.name === 'default') : undefined;
  if (isRecord(named) && typeof named.template === 'string') return named.template;
  throw new InvalidFileError({
    what: 'tokenizer_config.json: chat_template cannot be used.',
    got: describe(value),
    expected: 'a text, or a list with one named "default"',
  });
}
