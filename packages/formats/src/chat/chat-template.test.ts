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

const filled = "{% set n = namespace(t='x') %}{% for i in range(60) %}";
it.each([
  ['a loop without end', '{% for a in range(5000) %}{% for b in range(5000) %}{% endfor %}{% endfor %}', 'goes on'],
  ['a list beyond memory', '{% for a in range(4000000000) %}{% endfor %}', 'range(0, 4000000000, 1)'],
  ['a range without a step', '{{ range(0, 5, 0) }}', 'range(0, 5, 0)'],
  ['a text that doubles', `${filled}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}`, 'characters'],
  ['lists that double', `${filled}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.t }}`, 'goes on'],
  ['a macro that calls itself', '{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}', 'does not take these messages'],
])('ends %s by an error', async (_, source, message) => {
  const rendered = renderChat(template(source), messages);
  await expect(rendered).rejects.toThrow(InvalidArgumentError);
  await expect(rendered).rejects.toThrow(message);
});

it('shows templates nothing of JavaScript', async () => {
  const probes = ['messages.constructor', "messages[0]['__proto__']", 'messages[0].constructor', 'range.constructor'];
  for (const probe of probes) {
    const text = await renderChat(template(`{{ ${probe} }}`), messages).catch((error: unknown) => {
      expect(error).toBeInstanceOf(InvalidArgumentError);
      return '';
    });
    expect(text).toBe('');
  }
});

it('has the globals of templates: ranges with steps, the date, namespaces', async () => {
  const source =
    "{{ range(1, 8, 3)|join(',') }} {{ range(2)|join(',') }} {{ range(3, 0, -1)|join(',') }} {{ strftime_now('%Y')|length }}";
  expect(await renderChat(template(source), messages)).toBe('1,4,7 0,1 3,2,1 4');
  await expect(renderChat(template('x'.repeat(2 ** 20 + 1)), messages)).rejects.toThrow('too long');
  const long = [{ role: 'user', content: 'x'.repeat(3_000_000) }];
  expect((await renderChat(template(chatml), long)).length).toBeGreaterThan(3_000_000);
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
