import { models } from '@inattention/models';
import { describe, expect, test } from 'vitest';
import { runProgram } from './program.ts';

async function run(...args: string[]) {
  const texts = { out: '', error: '' };
  const status = await runProgram(
    args,
    {
      out: (text) => {
        texts.out += text;
      },
      error: (text) => {
        texts.error += text;
      },
      interactive: false,
      signal: new AbortController().signal,
    },
    '1.2.3',
  );
  return { status, ...texts };
}

const names = Object.keys(models);

describe('names of shipped models', () => {
  test.each([
    ['generate', '--prompt', 'x', '--max-tokens', '1', '--model'],
    ['plan', '--tokens', '10', '--model'],
    ['inspect', '--model'],
    ['train', '--data', 'x.txt', '--out', 'y', '--from'],
  ])('%s refuses one that there is not, and says which there are', async (...args) => {
    const { status, error } = await run(...args, 'no-such-model');
    expect(status).toBe(1);
    expect(error).toContain('There is no model "no-such-model"');
    expect(error).toContain(`a shipped model: ${names.join(', ')}`);
  });

  test('are models for every verb', async () => {
    for (const name of names) {
      const generated = await run('generate', '--model', name, '--prompt', 'The', '--max-tokens', '2', '--json');
      expect(generated.status).toBe(0);
      expect((JSON.parse(generated.out) as { tokens: number[] }).tokens.length).toBeLessThanOrEqual(2);
      const { out } = await run('inspect', '--model', name, '--json');
      expect((JSON.parse(out) as { parameters: number }).parameters).toBe(
        models[name as keyof typeof models]?.parameters,
      );
      expect((await run('plan', '--model', name, '--tokens', '100')).status).toBe(0);
    }
  });
});
