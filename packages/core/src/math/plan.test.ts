/** plan(): the formulas of DESIGN §4 in whole pages, what fits, and what `auto` takes. */

import { describe, expect, it } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { InvalidArgumentError } from '../errors/errors.ts';
import { Context } from './context.ts';
import { type ContextDType, contextModes } from './context-mode.ts';
import { consecutive } from './initial-state.ts';
import type { ModelConfig } from './model-config.ts';
import { type ContextPlanRow, contextBytes, plan, tableBytes } from './plan.ts';
import { maxRopePositions } from './rope-angles.ts';
import { weightBytes } from './weight-storage.ts';

const config: ModelConfig = {
  modelType: 'inattention',
  vocabSize: 1000,
  hiddenSize: 64,
  intermediateSize: 128,
  numHiddenLayers: 3,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 16,
  maxPositionEmbeddings: 2048,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 3,
  positionEmbeddingType: 'rope',
  attentionTypes: ['inattention', 'self', 'inattention'],
  eosTokenIds: [],
};
const learned = { ...config, positionEmbeddingType: 'learned' } as const;

const rowsOf = (...given: Parameters<typeof plan>) =>
  Object.fromEntries(plan(...given).rows.map((row) => [row.mode, row])) as Record<string, ContextPlanRow>;

describe('bytes', () => {
  it.each<[ContextDType, number]>([
    ['f32', 4],
    ['f16', 2],
  ])('are those of the table of modes, in whole pages, in %s', (dtype, b) => {
    const width = 2 * 16;
    const [pages, rowPages] = [3 * 256, 2 * 256]; // 700 tokens, 300 ids
    const self = 2 * width * b * pages;
    const rows = rowsOf(config, { tokens: 700, distinct: 300, dtype });
    expect(rows.kv?.contextBytes).toBe(3 * self + 4 * pages);
    expect(rows.tables?.contextBytes).toBe(self + 8 * pages);
    const terms = 2 * 64; // M_1 E and M_2 E of an id
    expect(rows.tables?.tableBytes).toBe((2 * 2 * width * 3 + terms) * b * rowPages);
    expect(rows.states?.contextBytes).toBe(self + 4 * pages + 64 * b * pages);
    expect(rows.ids?.contextBytes).toBe(self + 4 * pages);
    expect(contextModes.map((mode) => rows[mode]?.hostBytes)).toEqual(
      contextModes.map((mode) => (mode === 'states' ? 8 : 4) * pages),
    );
    for (const row of Object.values(rows)) {
      expect(row.weightBytes).toBe(weightBytes(config));
      expect(row.totalBytes).toBe(row.weightBytes + row.contextBytes + row.tableBytes);
      if (row.mode !== 'tables') expect(row.tableBytes).toBe(0);
    }
    const { selfAttentionContextBytes } = plan(config, { tokens: 700, dtype });
    expect(selfAttentionContextBytes).toBe(3 * self);
  });

  it('of learned positions are in the table', () => {
    const rows = 2 * 2 * 32 * 4 * 256; // a page, two layers
    expect(tableBytes(learned, 300, 700, 'f32')).toBe(rows * (3 * 2 + 3));
    expect(tableBytes(config, 300, 700, 'f32')).toBe(rows * 3 * 2 + 2 * 64 * 4 * 512);
    expect(tableBytes({ ...config, initialStateWindow: 1 }, 300, 700, 'f32')).toBe(rows * 2);
  });

  it('are 0 for nothing, and for `distinct` the bound is taken', () => {
    expect(contextModes.map((mode) => contextBytes(config, mode, 0, 'f32'))).toEqual([0, 0, 0, 0]);
    expect(plan(config, { tokens: 0 })).toMatchObject({ distinct: 0, distinctIsBound: true });
    expect(plan(config, { tokens: 600 })).toMatchObject({ distinct: 600, distinctIsBound: true });
    expect(plan(config, { tokens: 2600 })).toMatchObject({ distinct: 1000, distinctIsBound: true });
    expect(plan(config, { tokens: 2600, distinct: 900 })).toMatchObject({ distinct: 900, distinctIsBound: false });
  });

  it.each([
    ['none', 1],
    ['learned', 3],
    ['alibi', 2],
  ] as const)('are the ledger’s at page edges: %s, w = %i', (positionEmbeddingType, initialStateWindow) => {
    const changes = { positionEmbeddingType, initialStateWindow, vocabSize: 700, maxPositionEmbeddings: 600 };
    for (const mode of contextModes) {
      const { backend, model } = smallContextModel(changes);
      const context = new Context(model, { mode });
      for (const length of [1, 255, 256, 257, 511, 512, 513]) {
        context.append(consecutive(context.length, length - context.length));
        const row = rowsOf(model.config, { tokens: length })[mode] as ContextPlanRow;
        const { live, host } = backend.ledger.snapshot();
        expect([live.context, live.table, host]).toEqual([row.contextBytes, row.tableBytes, row.hostBytes]);
        expect([context.byteLength, model.tableBytes]).toEqual([row.contextBytes, row.tableBytes]);
      }
    }
  });
});

describe('the choice', () => {
  it('is the mode with the least work among those that fit, to the byte', () => {
    const options = { tokens: 2000, distinct: 800 };
    const work = (row: ContextPlanRow) => row.firstTokenFlops + 64 * row.decodeFlops;
    const byWork = [...plan(config, options).rows].sort((a, b) => work(a) - work(b));
    const seen = new Set<string | null>();
    for (const { totalBytes } of byWork) {
      for (const budget of [totalBytes, totalBytes - 1]) {
        const { chosen, rows } = plan(config, { ...options, budget });
        seen.add(chosen);
        expect(chosen).toBe(byWork.find((row) => row.totalBytes <= budget)?.mode ?? null);
        for (const row of rows) {
          expect(row.fits).toBe(row.totalBytes <= budget);
          const over = row.totalBytes - budget;
          expect(row.reason).toBe(row.fits ? undefined : `needs ${row.totalBytes} bytes, ${over} too many`);
        }
      }
    }
    expect(seen).toContain(null);
    expect(seen.size).toBeGreaterThanOrEqual(3);
  });

  it('is none where positions end, and says so', () => {
    const beyond = plan(learned, { tokens: 2049 });
    expect([beyond.chosen, beyond.rows[0]?.reason]).toEqual([null, 'learned positions end at 2048']);
    expect(plan(learned, { tokens: 2048 }).chosen).not.toBeNull();
    const rope = plan(config, { tokens: maxRopePositions + 1 });
    expect([rope.chosen, rope.rows[0]?.reason]).toEqual([null, `positions end at ${maxRopePositions}`]);
    expect(plan({ ...config, positionEmbeddingType: 'none' }, { tokens: 1e9 }).chosen).not.toBeNull();
  });

  it('counts what the ways to attend save: absorbed projections, and distinct ids', () => {
    const flops = (changes: Partial<ModelConfig>, mode: string, distinct = 1000) =>
      rowsOf({ ...config, ...changes }, { tokens: 20_000, distinct })[mode]?.decodeFlops as number;
    expect(flops({ positionEmbeddingType: 'none' }, 'states')).toBeLessThan(flops({}, 'states') / 3);
    const one = { initialStateWindow: 1 };
    expect(flops(one, 'ids', 100)).toBeLessThan(flops(one, 'ids', 1000));
    expect(flops(one, 'ids', 100)).toBeLessThan(flops(one, 'states', 100));
    expect(flops(one, 'kv')).toBeLessThan(flops(one, 'ids', 100));
  });

  it('states scratch that does not depend on the length', () => {
    const scratch = (tokens: number) => plan(config, { tokens }).rows.map((row) => row.scratchBytes);
    expect(scratch(1_000_000)).toEqual(scratch(1000));
    expect(Math.min(...scratch(1000))).toBeGreaterThan(0);
  });

  it('counts work: no mode but `ids` is free of a first pass, and only self layers prefill', () => {
    const pure = { ...config, attentionTypes: ['inattention', 'inattention', 'inattention'] } as const;
    const rows = rowsOf(pure, { tokens: 2000, distinct: 800 });
    expect(rows.ids?.firstTokenFlops).toBe(rows.ids?.decodeFlops);
    expect(rows.ids?.decodeFlops).toBeGreaterThan(rows.states?.decodeFlops as number);
    expect(rows.states?.decodeFlops).toBeGreaterThan(rows.tables?.decodeFlops as number);
    expect(rows.kv?.decodeFlops).toBeLessThan(rows.tables?.decodeFlops as number);
    const hybrid = rowsOf(config, { tokens: 2000, distinct: 800 });
    for (const mode of contextModes) {
      const prefill = (rows: Record<string, ContextPlanRow>) =>
        (rows[mode]?.firstTokenFlops as number) - (rows[mode]?.decodeFlops as number);
      expect(prefill(hybrid)).toBeGreaterThan(prefill(rows));
    }
  });
});

describe('work, by hand', () => {
  const layer = 4 * 64 * 64 + 6 * 64 * 128;
  const project = 4 * 32 * 64;
  const head = 2 * 1000 * 64;
  const mix = 2 * 2 * 64 * 64;
  const attention = 4 * 64 * 2000; // of one query in one layer
  const options = { tokens: 2000, distinct: 100 };

  it('has keys and values of every self layer, in prefill and in each step', () => {
    const attentionTypes = ['inattention', 'self', 'self'] as const;
    const { kv } = rowsOf({ ...config, attentionTypes }, options);
    const decode = 3 * (layer + attention + project) + head + mix;
    const prefill = 2000 * (2 * layer + 2 * project + attention); // both layers below the last, half seen
    expect(kv?.decodeFlops).toBe(decode);
    expect(kv?.firstTokenFlops).toBe(decode + prefill + 2000 * (project + mix));
  });

  it('is that of the cheaper way in `states` and `ids`', () => {
    const pure = { ...config, attentionTypes: ['inattention', 'inattention', 'inattention'] } as const;
    const rest = (mode: string, changes: Partial<ModelConfig>, few = options) =>
      ((rowsOf({ ...pure, ...changes }, few)[mode]?.decodeFlops as number) - 3 * layer - head) / 3;
    expect(rest('states', {})).toBeCloseTo(2000 * project + attention + mix / 3, 3);
    const absorbed = 4 * 4 * 64 * (2000 + 16);
    expect(rest('states', { positionEmbeddingType: 'alibi' })).toBeCloseTo(absorbed + mix / 3, 3);
    const summed = 2000 * (4 * 3 * 32 + 2 * 4 * 64);
    expect(rest('ids', {})).toBe(attention + 100 * (3 * project + mix) + summed);
    expect(rest('ids', {}, { tokens: 1000, distinct: 1000 })).toBe(attention / 2 + 1000 * (project + mix));
    expect(rest('ids', { positionEmbeddingType: 'learned' })).toBeCloseTo(absorbed + 2000 * mix, 3);
    const byTerms = 100 * mix + 2000 * 2 * 3 * 64;
    expect(rest('ids', { positionEmbeddingType: 'none' })).toBeCloseTo(absorbed + byTerms, 3);
  });

  it('of `ids` grows with the blocks, of which each has fewer of the ids', () => {
    const decode = (tokens: number) => rowsOf(config, { tokens, distinct: 1000 }).ids?.decodeFlops as number;
    expect(decode(8192) - decode(4096)).toBeLessThan(decode(4096));
    expect(decode(8193)).toBeGreaterThan(decode(8192));
  });

  it('lets `auto` take `states` before `kv` fits', () => {
    const alibi = {
      ...config,
      positionEmbeddingType: 'alibi',
      attentionTypes: ['inattention', 'inattention'],
    } as const;
    const two = { ...alibi, numHiddenLayers: 2, numKeyValueHeads: 4 } as const; // 256 numbers a position in kv, 64 in states
    const rows = rowsOf(two, { tokens: 2000 });
    const budget = rows.states?.totalBytes as number;
    expect(plan(two, { tokens: 2000, budget }).chosen).toBe('states');
    expect(rows.states?.decodeFlops).toBeLessThan(rows.ids?.decodeFlops as number);
  });
});

it.each([
  [{ tokens: -1 }, 'tokens'],
  [{ tokens: 1.5 }, 'tokens'],
  [{ tokens: Number.NaN }, 'tokens'],
  [{ tokens: 10, distinct: 0 }, 'distinct'],
  [{ tokens: 10, distinct: 11 }, 'distinct'],
  [{ tokens: 5000, distinct: 1001 }, 'distinct'],
  [{ tokens: 10, budget: -1 }, 'budget'],
  [{ tokens: 10, budget: Number.POSITIVE_INFINITY }, 'budget'],
])('refuses %o', (options, name) => {
  expect(() => plan(config, options)).toThrow(InvalidArgumentError);
  expect(() => plan(config, options)).toThrow(name);
});
