import { readdirSync } from 'node:fs';
import { models } from '@inattention/models';
import { expect, test } from 'vitest';
import { modelFolder } from './model-folder.ts';

test('a path is itself, whether it is there or not', async () => {
  for (const path of ['/nowhere/at all', './small', 'model.gguf', 'https://example.org/model']) {
    expect(await modelFolder(path)).toBe(path);
  }
});

test('a folder that is there goes before a shipped model of its name', async () => {
  const [folder] = readdirSync('.', { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && /^[a-z]+$/.test(entry.name),
  );
  expect(folder).toBeDefined(); // wherever the tests run: there is src, or packages
  expect(await modelFolder(folder?.name ?? '')).toBe(folder?.name);
});

test('a shipped model is found by its name, and an unknown name is refused with those there are', async () => {
  for (const name of Object.keys(models)) expect(await modelFolder(name)).toMatch(new RegExp(`[\\\\/]${name}$`));
  await expect(modelFolder('no-such-model')).rejects.toMatchObject({
    what: 'There is no model "no-such-model".',
    expected: expect.stringContaining(`a shipped model: ${Object.keys(models).join(', ')}`),
  });
});
