/**
 * How a model's author wrote conversations as text: a Jinja template, run by Hugging Face's own JavaScript implementation.
 * A template sees messages and its special tokens and nothing else, and runs within bounds (bounded-template.ts).
 */

import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
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
  { source, specialTokens }: ChatTemplate,
  messages: readonly ChatMessage[],
  { addGenerationPrompt = true }: ChatOptions = {},
): Promise<string> {
  const { longestTemplate, parseTemplate, runTemplate } = await import('./bounded-template.ts');
  if (source.length > longestTemplate) {
    throw new InvalidFileError({
      what: 'The chat template is too long.',
      got: `${source.length} characters`,
      expected: `at most ${longestTemplate}`,
    });
  }
  const template = parsed(() => parseTemplate(source));
  const texts = [...Object.values(specialTokens), ...messages.flatMap(({ role, content }) => [role, content])];
  try {
    return runTemplate(
      template,
      {
        ...specialTokens,
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: addGenerationPrompt,
      },
      // Templates look into the list of messages for each message.
      texts.reduce((size, text) => size + text.length, 1024 * messages.length ** 2),
    );
  } catch (cause) {
    throw new InvalidArgumentError({
      what: 'The chat template does not take these messages.',
      got: cause instanceof Error ? cause.message : String(cause),
      expected: 'messages as the model was trained on',
      cause,
    });
  }
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

function parsed<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new InvalidFileError({
      what: 'The chat template cannot be parsed.',
      got: cause instanceof Error ? cause.message : String(cause),
      fix: 'give the conversation as text',
      cause,
    });
  }
}
