import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidFileError } from '@inattention/core';
import { filesInMemory } from '@inattention/formats';
import { describe, expect, it } from 'vitest';
import { numbersOf, readGoldenCase } from './golden-case.ts';
import { goldenDirectory, listGoldenCases, loadGoldenCase } from './golden-folders.ts';

const names = ['config.json', 'model.safetensors', 'case.json', 'expected.safetensors'];

async function filesOf(name: string): Promise<Map<string, Uint8Array>> {
  const read = async (file: string) => [file, await readFile(join(goldenDirectory, name, file))] as const;
  return new Map(await Promise.all(names.map(read)));
}

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describe('golden cases', () => {
  it('lists every kind of model there is', () => {
    const cases = listGoldenCases();
    const kinds = ['rope', 'alibi', 'learned', 'none', 'window', 'hybrid', 'self', 'untied-mha', 'long-rope'];
    const families = ['rope-yarn', 'biases', 'norms', 'transformers-llama', 'transformers-qwen2', 'transformers-qwen3'];
    for (const kind of [...kinds, ...families]) {
      expect(cases).toContain(kind);
    }
  });

  it('reads a short case in full', async () => {
    const golden = await loadGoldenCase('learned-window');
    expect(golden.name).toBe('learned-window');
    expect(golden.config).toMatchObject({ positionEmbeddingType: 'learned', initialStateWindow: 3, headDim: 8 });
    expect(golden.tokens).toHaveLength(41);
    expect(golden.lossPositions).toEqual([5, 17, 23, 38, 39]);
    expect(golden.loss).toBeCloseTo((golden.nll ?? []).reduce((a, b) => a + b, 0) / 40, 12);
    expect(golden.logits?.shape).toEqual([40, 61]);
    expect(golden.logits?.data).toHaveLength(40 * 61);
    expect(golden.weights.get('model.initial_state.weight')?.shape).toEqual([2, 32, 32]);
    expect([...golden.gradients.keys()]).toEqual([...golden.weights.keys()]);
    expect([...golden.gradientsAtPositions.keys()]).toEqual([...golden.weights.keys()]);
    expect(golden.gradients.get('model.norm.weight')).not.toEqual(golden.gradientsAtPositions.get('model.norm.weight'));
    expect(golden).not.toHaveProperty('logitsAtPositions');
  });

  it('reads a long case, which has chosen positions only', async () => {
    const golden = await loadGoldenCase('long-alibi');
    expect(golden.tokens).toHaveLength(33001);
    expect(golden.nllAtPositions).toHaveLength(5);
    expect(golden.logitsAtPositions?.shape).toEqual([5, 509]);
    expect(golden.gradients.size).toBe(0);
    expect(golden.gradientsAtPositions.size).toBe(golden.weights.size);
    for (const absent of ['loss', 'nll', 'logits']) expect(golden).not.toHaveProperty(absent);
  });

  it('reads the same from memory, as a page would', async () => {
    const golden = await readGoldenCase('short', filesInMemory(await filesOf('short')));
    expect(golden).toEqual(await loadGoldenCase('short'));
    expect(numbersOf(golden.weights).get('model.norm.weight')).toBe(golden.weights.get('model.norm.weight')?.data);
  });
});

describe.each(listGoldenCases().filter((name) => name.startsWith('transformers-')))('%s', (name) => {
  it('is the model that its config.json of transformers describes', async () => {
    const golden = await loadGoldenCase(name);
    expect(golden.accuracy).toBeLessThanOrEqual(1e-5);
    const files = await filesOf(name);
    files.set('config.json', await readFile(join(goldenDirectory, name, 'hugging-face.json')));
    const theirs = await readGoldenCase(name, filesInMemory(files));
    expect(theirs.config).toEqual(golden.config);
    expect(theirs.config.ropeScaling).toBeDefined();
    expect(theirs.config.attentionTypes).toEqual(['self', 'self']);
  });
});

describe('what is not a golden case', () => {
  it.each(names)('lacks %s', async (missing) => {
    const files = await filesOf('short');
    files.delete(missing);
    await expect(readGoldenCase('short', filesInMemory(files))).rejects.toThrow(InvalidFileError);
  });

  it.each([
    ['no object', [1, 2]],
    ['no tokens', { loss_positions: [1], loss_at_positions: 1 }],
    ['no positions', { tokens: [1, 2], loss_at_positions: 1 }],
    ['no loss at positions', { tokens: [1, 2], loss_positions: [0] }],
    ['words for positions', { tokens: [1, 2], loss_positions: ['0'], loss_at_positions: 1 }],
    ['a word for a loss', { tokens: [1, 2], loss_positions: [0], loss_at_positions: 1, loss: 'much' }],
  ])('has %s in case.json', async (_, value) => {
    const files = (await filesOf('short')).set('case.json', json(value));
    await expect(readGoldenCase('short', filesInMemory(files))).rejects.toThrow(InvalidFileError);
  });

  it('has damaged JSON in case.json', async () => {
    const files = (await filesOf('short')).set('case.json', new TextEncoder().encode('{'));
    await expect(readGoldenCase('short', filesInMemory(files))).rejects.toThrow(InvalidFileError);
  });

  it('is a folder without cases, or none', () => {
    const empty = mkdtempSync(join(tmpdir(), 'golden-'));
    try {
      expect(() => listGoldenCases(empty)).toThrow(InvalidFileError);
    } finally {
      rmSync(empty, { recursive: true });
    }
    expect(() => listGoldenCases(empty)).toThrow(InvalidFileError);
  });

  it('is a name that is not there', async () => {
    await expect(loadGoldenCase('no-such-case')).rejects.toThrow(InvalidFileError);
  });
});
