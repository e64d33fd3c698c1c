import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { expect, it } from 'vitest';
import { chatTemplateOf, renderChat } from './chat-template.ts';

const messages = [
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello' },
];
const template = (source: string) => ({ source, specialTokens: { bos_token: '<s>', eos_token: '</s>' } });
const chatml =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

it('writes conversations as the template says, the start of an answer included unless told not to', async () => {
  const text = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n';
  expect(await renderChat(template(chatml), messages)).toBe(`${text}<|im_start|>assistant\n`);
  expect(await renderChat(template(chatml), messages, { addGenerationPrompt: false })).toBe(text);
  expect(await renderChat(template('{{ bos_token }}{{ messages|length }}{{ eos_token }}'), messages)).toBe('<s>2</s>');
});

it('tells what the template refuses, and a template that cannot be parsed', async () => {
  const strict = template("{{ raise_exception('roles must alternate') }}");
  await expect(renderChat(strict, messages)).rejects.toThrow(InvalidArgumentError);
  await expect(renderChat(strict, messages)).rejects.toThrow('roles must alternate');
  await expect(renderChat(template('{% if %}'), messages)).rejects.toThrow(InvalidFileError);
});

it('finds a template and the special tokens in tokenizer_config.json, or beside it', () => {
  const tokens = { bos_token: { content: '<s>', lstrip: false }, eos_token: '</s>', pad_token: null };
  const specialTokens = { bos_token: '<s>', eos_token: '</s>' };
  expect(chatTemplateOf({ ...tokens, chat_template: 'x' })).toEqual({ source: 'x', specialTokens });
  expect(chatTemplateOf({ ...tokens, chat_template: 'x' }, 'y')?.source).toBe('y');
  const named = [
    { name: 'tool_use', template: 't' },
    { name: 'default', template: 'd' },
  ];
  expect(chatTemplateOf({ chat_template: named })?.source).toBe('d');
  expect(chatTemplateOf({})).toBeNull();
  expect(chatTemplateOf(undefined)).toBeNull();
  expect(() => chatTemplateOf({ chat_template: 7 })).toThrow('chat_template cannot be used');
});
