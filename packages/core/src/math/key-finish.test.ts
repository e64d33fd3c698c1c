/** Biases and normalised keys: every mode gives what kv gives, the table keeps what it can, and plan() says so. */

import { describe, expect, it } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { Context } from './context.ts';
import { absorbs } from './context-cost.ts';
import { type ContextMode, contextModes } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import { attendScratchBytes } from './context-scratch.ts';
import { rowKind } from './context-source.ts';
import { consecutive } from './initial-state.ts';
import type { ModelConfig } from './model-config.ts';
import { plan } from './plan.ts';

const sizes: Partial<ModelConfig> = {
  hiddenSize: 16,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  vocabSize: 50,
  maxPositionEmbeddings: 700,
  attentionTypes: ['inattention', 'inattention'],
};
const kinds: readonly (readonly [Partial<ModelConfig>, 'sums' | 'finished' | 'parts'])[] = [
  [{ positionEmbeddingType: 'rope', initialStateWindow: 1, attentionBias: 'qkv' }, 'finished'],
  [{ positionEmbeddingType: 'rope', initialStateWindow: 3, attentionBias: 'qkvo' }, 'parts'],
  [{ positionEmbeddingType: 'rope', initialStateWindow: 1, queryKeyNorm: true }, 'finished'],
  [{ positionEmbeddingType: 'rope', initialStateWindow: 3, queryKeyNorm: true, attentionBias: 'qkv' }, 'parts'],
  [{ positionEmbeddingType: 'alibi', initialStateWindow: 1, attentionBias: 'qkv' }, 'finished'],
  [{ positionEmbeddingType: 'alibi', initialStateWindow: 3, attentionBias: 'qkv' }, 'sums'],
  [{ positionEmbeddingType: 'none', initialStateWindow: 2, queryKeyNorm: true }, 'parts'],
  [{ positionEmbeddingType: 'learned', initialStateWindow: 1, attentionBias: 'qkv' }, 'sums'],
  [{ positionEmbeddingType: 'learned', initialStateWindow: 2, queryKeyNorm: true }, 'parts'],
  [{ positionEmbeddingType: 'rope', initialStateWindow: 3 }, 'sums'],
];
const length = 600;

/** Attention at `places` and the weights of the first in a context in `mode`, after an edit. */
async function read(model: ContextModel, mode: ContextMode, places: readonly number[]) {
  const { operations } = model;
  const context = new Context(model, { mode });
  context.append(Int32Array.from({ length }, (_, place) => (place * place + 7 * place) % 50));
  context.replace(300, 2, Int32Array.of(1, 2, 3));
  const queriesOf = (count: number) =>
    operations.upload(
      Float32Array.from({ length: count * 4 * 8 }, (_, i) => 3 * Math.sin(3 * i + 1)),
      [count, 4, 8],
    );
  const out = context.attend(1, queriesOf(places.length), operations.index(places));
  const weights = context.weights(1, queriesOf(1), operations.index([places[0] as number]));
  const bytes = { context: context.byteLength, table: model.tableBytes };
  const result = { out: await out.read(), weights: await weights.read(), bytes };
  context.dispose();
  return result;
}

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(got.length).toBe(expected.length);
  const worst = Array.from(got).reduce((most, x, i) => Math.max(most, Math.abs(x - (expected[i] as number))), 0);
  expect(worst).toBeLessThan(3e-4);
}

describe.each(kinds)('%j', (changes, kind) => {
  const config = { ...sizes, ...changes };

  it(`keeps rows that are ${kind}`, () => {
    expect(rowKind(smallContextModel(config).model.config)).toBe(kind);
  });

  it.each(contextModes)('gives in %s what kv gives, in the bytes planned', async (mode) => {
    for (const places of [[600, 257], [...consecutive(577, 24)]]) {
      const { model } = smallContextModel(config);
      const expected = await read(model, 'kv', places);
      const got = await read(model, mode, places);
      expect(Math.max(...expected.weights)).toBeGreaterThan(0.02);
      expectClose(got.out, expected.out);
      expectClose(got.weights, expected.weights);
      const row = plan(model.config, { tokens: length + 1, distinct: 50 }).rows.find(
        (planned) => planned.mode === mode,
      );
      // After an edit, `states` may hold a page more than its rows fill.
      if (mode !== 'states') expect(got.bytes.context).toBe(row?.contextBytes);
      expect(got.bytes.table).toBe(mode === 'tables' ? row?.tableBytes : 0);
    }
  });

  it.each(contextModes)('takes the scratch stated in %s', (mode) => {
    const { model } = smallContextModel(config);
    const { ledger } = model.operations.backend;
    const context = new Context(model, { mode });
    context.append(Int32Array.from({ length }, (_, place) => (place * 7) % 50));
    for (const queries of [1, 5]) {
      const rows = model.operations.full([queries, 4, 8], 0.1);
      const positions = model.operations.index(consecutive(length - queries, queries));
      const before = ledger.snapshot().liveTotal;
      ledger.resetPeak();
      const result = context.attend(1, rows, positions);
      const peak = ledger.snapshot().peakLive - before - 4 * result.size;
      expect(peak).toBeLessThanOrEqual(attendScratchBytes(model.config, mode, queries));
      for (const tensor of [rows, positions, result]) tensor.dispose();
    }
    context.dispose();
  });
});

it('says that biases and norms change attention: without them another result comes out', async () => {
  const base = { ...sizes, positionEmbeddingType: 'rope', initialStateWindow: 3 } as const;
  const plain = await read(smallContextModel(base).model, 'tables', [600]);
  for (const changes of [{ attentionBias: 'qkv' }, { queryKeyNorm: true }] as const) {
    const other = await read(smallContextModel({ ...base, ...changes }).model, 'tables', [600]);
    const worst = Array.from(other.out).reduce(
      (most, x, i) => Math.max(most, Math.abs(x - (plain.out[i] as number))),
      0,
    );
    expect(worst).toBeGreaterThan(0.1);
  }
});

it('absorbs projections with biases, not with normalised keys', () => {
  const of = (changes: Partial<ModelConfig>) =>
    smallContextModel({ ...sizes, hiddenSize: 16, ...changes }).model.config;
  expect(absorbs(of({ positionEmbeddingType: 'alibi', attentionBias: 'qkv' }), 1, 4096)).toBe(true);
  expect(absorbs(of({ positionEmbeddingType: 'alibi', queryKeyNorm: true }), 1, 4096)).toBe(false);
});
