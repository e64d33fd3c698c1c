import { createCpuBackend } from '@inattention/cpu';
import { describe, expect, test } from 'vitest';
import { planTable } from '../plan-table.ts';
import { terminalReport } from '../report/terminal.ts';
import { resultSchema } from '../result.ts';
import { configOf, type Shape } from '../shapes.ts';
import { extrapolatePrefill, prefillFlops } from './extrapolate.ts';
import { runSweep, type SweepOptions } from './sweep.ts';

const shape: Shape = {
  name: 'tiny',
  vocabSize: 200,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  tieWordEmbeddings: true,
};

function document(step: number) {
  const ids = Int32Array.from({ length: 31_000 }, (_, i) => (i * step + (i >> 3)) % 200);
  return { title: `every ${step}th`, source: 'arithmetic', licence: 'none', tokenizer: 'numbers', ids };
}

async function sweep(options: Partial<SweepOptions>, maxBytes?: number) {
  const backend = await createCpuBackend(maxBytes === undefined ? {} : { maxBytes });
  try {
    return await runSweep({
      backend,
      shape,
      lengths: [100, 300, 900],
      text: document(7),
      warmUpText: document(11),
      selfUpTo: 300,
      rounds: 1,
      ...options,
    });
  } finally {
    backend.dispose();
  }
}

describe('runSweep', () => {
  test('measures every variant at every length, and marks what it extrapolates', async () => {
    const progress: number[] = [];
    const result = await sweep({ onProgress: ({ done }) => progress.push(done) });
    expect(result.schema).toBe(resultSchema);
    expect(result.rows).toHaveLength(15);
    for (const row of result.rows) {
      const extrapolated = row.variant === 'self' && row.tokens === 900;
      expect(row.timeToFirstToken?.extrapolated !== undefined).toBe(extrapolated);
      expect(row.decode?.extrapolated !== undefined).toBe(extrapolated);
      expect(row.timeToFirstToken?.median).toBeGreaterThan(0);
      expect(row.timeToFirstTokenWarm !== null).toBe(row.variant === 'tables');
      if (row.disagreement !== null) expect(row.disagreement).toBeLessThan(2e-4);
    }
    expect(progress.at(-1)).toBe(15);
    expect(result.selfPrefill.map(({ tokens }) => tokens)).toEqual([100, 300]);
    const report = terminalReport(result);
    for (const word of ['self', 'tables', 'states', 'ids', 'Extrapolated figures', 'What fits']) {
      expect(report).toContain(word);
    }
  });

  test('a variant that does not fit becomes a row that says why, with the bytes', async () => {
    const result = await sweep({ lengths: [30_000], variants: ['kv', 'ids'], selfUpTo: 1 }, 6_000_000);
    const [kv, ids] = result.rows;
    expect(kv?.refused).toMatch(/out of memory.*\d+ bytes/s);
    expect(kv?.timeToFirstToken).toBeNull();
    expect(ids?.refused).toBeUndefined();
    expect(terminalReport(result)).toContain('refused');
  });

  test('can be cancelled', async () => {
    await expect(sweep({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

test('extrapolation is in proportion to the work, and says so', () => {
  const config = configOf(shape, 'self', 1);
  const { median, extrapolated } = extrapolatePrefill(config, { median: 10, rounds: 3 }, 100, 400);
  expect(median).toBeCloseTo((10 * prefillFlops(config, 400)) / prefillFlops(config, 100), 10);
  expect(extrapolated).toContain('flops(400) / flops(100)');
});

test('more memory fits more tokens', () => {
  const rows = planTable('f32');
  for (const name of new Set(rows.map((row) => row.shape))) {
    const own = rows.filter((row) => row.shape === name);
    for (const variant of ['self', 'kv', 'tables', 'states', 'ids'] as const) {
      const counts = own.map(({ tokens }) => tokens[variant] ?? 0);
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
    }
  }
});
