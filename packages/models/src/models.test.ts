import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCpuBackend } from '@inattention/cpu';
import { openDirectory } from '@inattention/formats/node';
import { generate, loadModel } from '@inattention/model';
import { describe, expect, test } from 'vitest';
import { recipes } from '../scripts/recipes.mjs';
import { checkLoss } from '../scripts/test-loss.mjs';
import { readDocuments } from '../scripts/texts.mjs';
import { models } from './index.ts';
import type { ShippedModel } from './shipped-model.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const shipped = new Map<string, ShippedModel>(Object.entries(models));
const documents = readDocuments();

/** Runs `work` with a shipped model, loaded as users load it. */
async function withModel<T>(model: ShippedModel, work: (loaded: Awaited<ReturnType<typeof loadModel>>) => Promise<T>) {
  const backend = await createCpuBackend({ threads: 1 });
  try {
    using loaded = await loadModel(await openDirectory(dirname(fileURLToPath(model.files['config.json']))), backend);
    return await work(loaded);
  } finally {
    backend.dispose();
  }
}

test('every folder of a model is in the list, and the list has nothing else', () => {
  const folders = Object.keys(recipes).filter((name) => existsSync(join(root, name)));
  expect([...shipped.keys()]).toEqual(folders);
});

describe.each([...shipped])('%s', { timeout: 60_000 }, (name, model) => {
  test('has the files that its checksums are of, and a record beside them', () => {
    for (const [file, checksum] of Object.entries(model.checksums)) {
      const bytes = readFileSync(model.files[file as keyof ShippedModel['files']]);
      expect(createHash('sha256').update(bytes).digest('hex'), file).toBe(checksum);
      expect(bytes.length).toBe(model.sizes[file as keyof ShippedModel['sizes']]);
    }
    const { files: _, ...rest } = model;
    expect(JSON.parse(readFileSync(join(root, name, 'record.json'), 'utf8'))).toEqual(rest);
  });

  test('was made by its recipe', () => {
    const { flags, description } = recipes[name as keyof typeof recipes];
    expect(model).toMatchObject({ name, description, contextLength: flags.contextLength });
    expect(model.record.settings).toMatchObject(flags);
    expect(model.record.training.steps.at(-1)).toBe(flags.steps);
  });

  test('says whose its texts are, and that they are these texts', () => {
    expect(model.licence).toBe('MIT');
    expect(model.record.texts.length).toBeGreaterThan(0);
    for (const { title, source, licence } of model.record.texts) {
      expect(title).not.toBe('');
      expect(source).toMatch(/^@stdlib\/datasets-/);
      expect(licence).toMatch(/CC0/);
    }
    expect(model.record.textChecksums).toEqual({
      'train.jsonl': '00ce24725cf988e249c04c27f0cd8b2d670463f88d79429e514425f4352e3ce2',
      'test.jsonl': 'c785ec3b18813aefb53495d9a9f0806ffd2ebe2074eb351c86c2fa9700021131',
    });
  });

  test('loses on the beginning of the test set what its record says, far less than it knows nothing', async () => {
    const { loss, lossTerms } = await withModel(model, (loaded) => checkLoss(loaded, documents.test[0]));
    const { check, testLoss } = model.record;
    expect(lossTerms).toBe(check.lossTerms);
    expect(Math.abs(loss - check.loss)).toBeLessThan(2e-3);
    expect(testLoss.loss).toBeLessThan(5); // log(4096) is 8.3
  });

  test('continues a text in English', async () => {
    const text = await withModel(model, async (loaded) => {
      using session = loaded.createSession({ context: 'tables' });
      await session.append('My fellow citizens, the people of the United States');
      let continuation = '';
      for await (const token of generate(session, { maxTokens: 60, temperature: 0.7, seed: 1 }))
        continuation += token.text;
      return continuation;
    });
    const known = new Set(
      documents.train
        .join('\n')
        .toLowerCase()
        .match(/[a-z]+/g),
    );
    const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
    expect(words.length).toBeGreaterThan(20);
    expect(words.filter((word) => known.has(word)).length / words.length).toBeGreaterThan(0.9);
  });
});

test('the twins have as many parameters, and the same tokenizer', () => {
  const [small, twin] = [shipped.get('small'), shipped.get('small-self')];
  if (small === undefined || twin === undefined) return;
  expect(twin.parameters).toBe(small.parameters);
  expect(twin.checksums['tokenizer.json']).toBe(small.checksums['tokenizer.json']);
});
