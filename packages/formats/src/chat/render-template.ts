/** Conversations through their template, loaded when the first one is rendered. */

import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { longestTemplate, parseTemplate, runTemplate } from './bounded-template.ts';
import type { ChatMessage, ChatTemplate } from './chat-template.ts';

/** What `renderChat` gives, and throws. */
export function renderTemplate(
  { source, specialTokens }: ChatTemplate,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string {
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
