import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCpuBackend } from '@inattention/cpu';
import { parseConfig, serializeConfig, writeSafetensors } from '@inattention/formats';
import { openDirectory } from '@inattention/formats/node';
import { randomWeights } from '@inattention/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openText } from './open-text.ts';
import { parseQuality } from './parse-quality.ts';
import type { QualityResult } from './quality-result.ts';
import { type QualityOptions, runQuality } from './run-quality.ts';
import { copying } from './tasks/copy-task.ts';
import { taskSettings } from './tasks/task-plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'inattention-quality-'));
const documents = ['It was the best of times, '.repeat(6), 'short', 'it was the worst of times; '.repeat(5)];
let backend: Awaited<ReturnType<typeof createCpuBackend>>;

/** A model of bytes, in a folder. */
async function writeModel(name: string, attention: string, positions = 'rope'): Promise<string> {
  const config = parseConfig({
    ...{ model_type: 'inattention', vocab_size: 257, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2 },
    ...{ num_attention_heads: 2, max_position_embeddings: 32, attention_types: attention, tie_word_embeddings: true },
    ...{ position_embedding_type: positions, initial_state_window: 2 },
  });
  await mkdir(join(folder, name));
  writeFileSync(join(folder, name, 'config.json'), JSON.stringify(serializeConfig(config)));
  writeFileSync(join(folder, name, 'model.safetensors'), writeSafetensors(randomWeights(config, { deviation: 0.3 })));
  return name;
}

beforeAll(async () => {
  backend = await createCpuBackend({ threads: 1 });
  await Promise.all([
    writeModel('own', 'inattention'),
    writeModel('twin', 'self'),
    writeModel('table', 'inattention', 'learned'),
  ]);
  writeFileSync(join(folder, 'test.jsonl'), documents.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  writeFileSync(join(folder, 'ids.json'), JSON.stringify(Array.from({ length: 100 }, (_, place) => (place * 3) % 250)));
});
afterAll(() => {
  backend.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function measure(models: readonly string[], file: string, more: Partial<QualityOptions> = {}) {
  const partial: QualityResult[] = [];
  const result = await runQuality({
    backend,
    environment: {},
    models: await Promise.all(models.map(async (name) => ({ name, source: await openDirectory(join(folder, name)) }))),
    text: await openText(join(folder, file)),
    ...{ lengths: [8, 24, 64], targets: 20, selfUpTo: 24, seed: 1, tasks: null },
    onPartial: (soFar) => partial.push(soFar),
    ...more,
  });
  return { result, partial };
}

describe('models on a text', () => {
  test('have a loss each, losses by context length at the same targets, and reasons for what is left out', async () => {
    const { result, partial } = await measure(['own', 'twin', 'table'], 'test.jsonl');
    expect(parseQuality(JSON.parse(JSON.stringify(result)))).toEqual(result);
    const bytes = documents.join('').length;
    expect(result.text).toEqual({ name: 'test.jsonl', documents: 3, bytes });
    const tokens = bytes + 3; // bytes, and an end of text after each document
    for (const { loss, lossTerms, bitsPerByte } of result.testLoss?.rows ?? []) {
      expect(lossTerms).toBe(tokens - 3); // the first of each document is foreseen by nobody
      expect(loss).toBeGreaterThan(3);
      expect(bitsPerByte).toBeCloseTo((loss * lossTerms) / Math.LN2 / bytes, 10);
    }
    expect(result.testLoss).toMatchObject({
      windowLength: 32,
      rows: [{ model: 'own' }, { model: 'twin' }, { model: 'table' }],
    });
    const { rows = [], ...facts } = result.contextLoss ?? {};
    expect(facts).toEqual({ lengths: [8, 24, 64], targets: 20, documents: 2, seed: 1, selfUpTo: 24 });
    expect(rows.map(({ model, tokens: length, loss }) => [model, length, loss !== null])).toEqual([
      ...[8, 24, 64].map((length) => ['own', length, true]),
      ...[8, 24, 64].map((length) => ['twin', length, length <= 24]),
      ...[8, 24, 64].map((length) => ['table', length, length <= 32]),
    ]);
    expect(rows.filter(({ reason }) => reason !== undefined).map(({ reason }) => reason)).toEqual([
      expect.stringContaining('--self-up-to'),
      'the model has 32 learned positions',
    ]);
    const own = rows.slice(0, 2);
    expect(own[0]?.change).toBeNull();
    expect(own[1]?.change).toBeCloseTo((own[1]?.loss ?? 0) - (own[0]?.loss ?? 0), 10);
    // Told of after each row: a reader of the file has what there is.
    expect(partial.map(({ contextLoss }) => contextLoss?.rows.length ?? 0).filter((count) => count > 0)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect(partial.every(({ interrupted }) => interrupted !== undefined)).toBe(true);
    expect(result.interrupted).toBeUndefined();
  });

  test('can be measured on ids, which have no bytes', async () => {
    const { result } = await measure(['own'], 'ids.json', { lengths: [8] });
    expect(result.text).toEqual({ name: 'ids.json', documents: 1, bytes: null });
    expect(result.testLoss?.rows).toMatchObject([{ lossTerms: 99, bitsPerByte: null }]);
  });

  test('are not measured at contexts that no document has', async () => {
    const { result } = await measure(['own'], 'test.jsonl', { lengths: [8, 500] });
    expect(result.contextLoss).toMatchObject({ targets: 0, documents: 0 });
    for (const { loss, reason } of result.contextLoss?.rows ?? []) {
      expect([loss, reason]).toEqual([null, 'no document of the text is long enough']);
    }
  });
});

describe('tasks', () => {
  const tasks = {
    settings: { ...taskSettings, hiddenSize: 16, intermediateSize: 16, steps: 2, warmup: 0, batch: 2, testTexts: 3 },
    tasks: [copying('copy', { symbols: 4, shortest: 2, longest: 3 })],
    variants: [1, 3].map((window) => ({ attention: 'inattention', positions: 'alibi', window }) as const),
  };
  const run = (more: Partial<QualityOptions> = {}) => measure([], 'test.jsonl', { text: null, tasks, ...more });

  test('are a row for each kind of model, told of one by one', async () => {
    const { result, partial } = await run();
    expect(result.tasks?.rows.map(({ window }) => window)).toEqual([1, 3]);
    expect(result).toMatchObject({ models: [], testLoss: null, contextLoss: null, text: null });
    expect(partial.map((soFar) => soFar.tasks?.rows.length)).toEqual([1, 2]);
  });

  test('go on where an earlier run ended', async () => {
    const stop = new AbortController();
    const partial: QualityResult[] = [];
    const stopped = run({
      signal: stop.signal,
      onPartial(soFar) {
        partial.push(soFar);
        stop.abort();
      },
    });
    await expect(stopped).rejects.toThrow(/cancelled/);
    const before = partial.at(-1) as QualityResult;
    expect(before.interrupted).toBe('It was cancelled.');
    expect(before.tasks?.rows).toHaveLength(1);
    const marked = before.tasks?.rows.map((row) => ({ ...row, seconds: 12345 })) ?? [];
    const { result } = await run({
      before: { ...before, tasks: before.tasks === null ? null : { ...before.tasks, rows: marked } },
    });
    expect(result.tasks?.rows.map(({ seconds }) => seconds === 12345)).toEqual([true, false]);
    expect(result.interrupted).toBeUndefined();
  });
});
