import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openModelFiles, parseConfig } from '@inattention/formats';
import { openDirectory } from '@inattention/formats/node';
import { randomWeights } from '@inattention/model';
import { documentsInMemory, serializeTokenizer, trainTokenizer, wholeDocuments } from '@inattention/train';
import { writeModelFolder } from '@inattention/train/node';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { condense, parseMetrics } from '../scripts/condense.mjs';
import { exportRun } from '../scripts/export-run.mjs';
import { listSource, modelSource } from '../scripts/shipped-source.mjs';

const folder = mkdtempSync(join(tmpdir(), 'inattention-models-'));
const run = join(folder, 'run');
const out = join(folder, 'tiny');
const documents = {
  train: ['Call me Ishmael. Some years ago, never mind how long precisely.'],
  test: ['There now is your insular city of the Manhattoes, '.repeat(12), 'belted round by wharves.'],
};
const metrics = Array.from({ length: 450 }, (_, place) => ({
  step: place + 1,
  loss: 5 - place / 100,
  tokens: 64,
  seconds: 0.5,
  ...((place + 1) % 100 === 50 && { validationLoss: 6 - place / 100 }),
}));
const settings = {
  ...{ data: ['/somewhere/texts/train.jsonl'], contextLength: 32, batch: 2, steps: 450, seed: 7, window: 2 },
  ...{ attention: 'inattention', learningRate: 0.003, schedule: 'cosine', checkpointEvery: 100, keep: 2 },
};

function writeRun(steps = 450): void {
  writeFileSync(join(run, 'run.json'), JSON.stringify({ ...settings, steps }));
  writeFileSync(join(run, 'metrics.jsonl'), metrics.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** The modules that name a model's files, as a package holds them; returns the path of the list. */
function writeModules(model: Parameters<typeof modelSource>[0]): string {
  const place = join(folder, 'src', 'shipped');
  const list = join(folder, 'src', 'shipped.mjs');
  const plain = (source: string) => source.replace(/^import type.*$/m, '').replace(/: ShippedModel/, '');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'tiny.mjs'), plain(modelSource(model)));
  writeFileSync(list, plain(listSource(['tiny'])).replaceAll("tiny.ts'", "tiny.mjs'"));
  return list;
}

const exported = (name = 'tiny') =>
  exportRun({ name, description: 'A tiny one', run, out, documents, machine: 'a machine' });

beforeAll(async () => {
  mkdirSync(run);
  const source = documentsInMemory([...documents.train, ...documents.test]);
  const { json } = await trainTokenizer(wholeDocuments([source]), { vocabSize: 280 });
  const config = parseConfig({
    ...{ model_type: 'inattention', vocab_size: 280, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2 },
    ...{ num_attention_heads: 2, tie_word_embeddings: true, initial_state_window: 2, max_position_embeddings: 32 },
  });
  const weights = [...randomWeights(config, { seed: 1, deviation: 0.3 })].map(
    ({ name, shape, data }) => [name, { shape, read: async () => data }] as const,
  );
  const files = new Map([['tokenizer.json', new TextEncoder().encode(serializeTokenizer(json))]]);
  await writeModelFolder(run, { config, weights: new Map(weights) }, { files });
  writeRun();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('export', () => {
  test('writes the model in f16, rounded from the run’s weights', async () => {
    await exported();
    const [before, after] = await Promise.all(
      [run, out].map(async (path) => openModelFiles(await openDirectory(path))),
    );
    for (const [name, { dtype }] of after?.weights.tensors ?? []) {
      expect(dtype).toBe('F16');
      const [wanted, got] = await Promise.all([before?.weights.read(name), after?.weights.read(name)]);
      const furthest = Math.max(...(wanted ?? []).map((value, at) => Math.abs(value - (got?.[at] ?? Number.NaN))));
      expect(furthest).toBeGreaterThanOrEqual(0);
      expect(furthest).toBeLessThan(2 ** -10);
    }
    expect(after?.config).toEqual(before?.config);
  });

  test('records how the model was made, without places of this machine', async () => {
    const model = await exported();
    expect(model).toMatchObject({ name: 'tiny', attention: 'inattention', contextLength: 32, licence: 'MIT' });
    const { record } = model;
    expect(record.command).toBe(
      'inattention train --data train.jsonl --context-length 32 --batch 2 --steps 450 --seed 7 --window 2 ' +
        '--attention inattention --learning-rate 0.003 --schedule cosine --out tiny',
    );
    expect(JSON.stringify(model)).not.toContain(folder);
    expect(record).toMatchObject({ seed: 7, steps: 450, tokens: 450 * 64, seconds: 225, machine: 'a machine' });
    for (const [file, checksum] of Object.entries(model.checksums)) {
      expect(
        createHash('sha256')
          .update(readFileSync(join(out, file)))
          .digest('hex'),
      ).toBe(checksum);
    }
    expect(record.testLoss.lossTerms).toBeGreaterThan(record.check.lossTerms);
    expect(record.testLoss.loss).toBeGreaterThan(2);
    expect(JSON.parse(readFileSync(join(out, 'record.json'), 'utf8'))).toEqual(model);
  });

  test('refuses a run that is not finished', async () => {
    writeRun(500);
    await expect(exported()).rejects.toThrow(/not finished.*450 steps/s);
    writeRun();
  });

  test('makes modules whose URLs are those of the files', async () => {
    const model = await exported();
    const { models } = await import(/* @vite-ignore */ pathToFileURL(writeModules(model)).href);
    const { files, ...rest } = models.tiny;
    expect(rest).toEqual(model);
    for (const file of Object.keys(model.checksums)) expect(fileURLToPath(files[file])).toBe(join(out, file));
    expect(listSource(['small', 'small-16k'])).toContain('models = { "small": small, "small-16k": small16k }');
  });

  test('makes modules whose files a bundler finds and takes along', async () => {
    const module = writeModules(await exported());
    writeFileSync(join(folder, 'page.mjs'), `import { models } from ${JSON.stringify(module)}; console.log(models);`);
    const built = await build({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      build: { write: false, rolldownOptions: { input: join(folder, 'page.mjs') } },
    });
    const output = [built].flat().flatMap((one) => ('output' in one ? one.output : []));
    const weights = output.find((one) => one.type === 'asset' && one.fileName.endsWith('.safetensors'));
    const code = output.map((one) => (one.type === 'chunk' ? one.code : '')).join('');
    expect(
      weights?.type === 'asset' && Buffer.from(weights.source).equals(readFileSync(join(out, 'model.safetensors'))),
    ).toBe(true);
    expect(code).toContain(weights?.fileName);
    // A file as small as this comes as a data: URL, which `openUrls` reads without a request.
    const data = /data:application\/json;base64,([A-Za-z0-9+/=]+)/.exec(code)?.[1] ?? '';
    expect(Buffer.from(data, 'base64').equals(readFileSync(join(out, 'config.json')))).toBe(true);
  });
});

describe('the curve', () => {
  test('is short, keeps the mean loss and the last validation', () => {
    const { training, validation, tokens } = condense(metrics);
    expect(training.steps).toHaveLength(150);
    expect(training.steps.at(-1)).toBe(450);
    const mean = training.losses.reduce((sum, loss) => sum + loss, 0) / 150;
    expect(mean).toBeCloseTo(metrics.reduce((sum, { loss }) => sum + loss, 0) / 450, 4);
    expect(validation).toEqual({ steps: [50, 150, 250, 350, 450], losses: [5.51, 4.51, 3.51, 2.51, 1.51] });
    expect(tokens).toBe(450 * 64);
  });

  test('refuses metrics with a step missing', () => {
    const text = metrics.filter(({ step }) => step !== 12).map((line) => JSON.stringify(line));
    expect(() => parseMetrics(text.join('\n'))).toThrow(/line 12 /);
  });
});
