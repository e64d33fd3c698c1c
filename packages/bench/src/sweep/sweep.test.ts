import { weightBytes } from '@inattention/core/math';
import { createHostBackend } from '@inattention/core/testing';
import { createCpuBackend } from '@inattention/cpu';
import { describe, expect, test, vi } from 'vitest';
import { planTable } from '../plan-table.ts';
import type { SweepResult } from '../result.ts';
import { configOf, type Shape } from '../shapes.ts';
import { baselineDecodeFlops, baselinePrefillFlops } from './baseline-work.ts';
import { extrapolateDecode, extrapolatePrefill } from './extrapolate.ts';
import { createSweepModels, residentBytes } from './models.ts';
import { planRow } from './row-plan.ts';
import { runSweep, type SweepOptions, type SweepProgress } from './sweep.ts';

// Machines may be busy.
vi.setConfig({ testTimeout: 60_000 });

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
  test('measures every variant at every length beside its plan, and marks what it extrapolates', async () => {
    const progress: SweepProgress[] = [];
    const result = await sweep({ lengths: [900, 100, 300, 100], onProgress: (step) => progress.push(step) });
    expect(result.rows.map(({ tokens }) => tokens)).toEqual([100, 300, 900].flatMap((tokens) => Array(5).fill(tokens)));
    for (const row of result.rows) {
      const extrapolated = row.variant === 'self' && row.tokens === 900;
      expect(row.outcome).toBe(extrapolated ? 'extrapolated' : 'measured');
      expect(row.timeToFirstToken?.extrapolated !== undefined).toBe(extrapolated);
      expect(row.decode?.extrapolated !== undefined).toBe(extrapolated);
      expect(row.timeToFirstToken?.median).toBeGreaterThan(0);
      expect(row.timeToFirstTokenWarm !== null).toBe(row.variant === 'tables');
      expect(row.timeToFirstTokenRevisited !== null).toBe(row.variant === 'tables');
      if (row.disagreement !== null) expect(row.disagreement).toBeLessThan(2e-4);
      if (extrapolated) continue;
      expect(row.contextBytes).toBe(row.plan.contextBytes);
      expect(row.tableBytes).toBe(row.plan.tableBytes);
      expect(row.peakBytes).toBeGreaterThan(row.plan.totalBytes);
    }
    expect(progress.at(-1)).toEqual({ done: 14, total: 14, share: 1, what: 'done' });
    expect(progress.map(({ what }) => what)).toContain('tables at 900 tokens, round 1: first token 100 %');
    expect(result.selfPrefill.map(({ tokens }) => tokens)).toEqual([100, 300]);
  });

  test.each(['alibi', 'learned', 'none'] as const)(
    'measures models with %s positions as planned',
    async (positions) => {
      const result = await sweep({ lengths: [100], positions });
      expect(result.positions).toBe(positions);
      for (const row of result.rows) {
        expect([row.outcome, row.contextBytes]).toEqual(['measured', row.plan.contextBytes]);
        if (row.disagreement !== null) expect(row.disagreement).toBeLessThan(2e-4);
      }
    },
  );

  test('what the plan has no room for becomes a row that says why, with the bytes, and is not tried', async () => {
    const tried: string[] = [];
    const onProgress = ({ what }: SweepProgress) => void tried.push(what);
    const result = await sweep(
      { lengths: [30_000], variants: ['self', 'kv', 'ids'], selfUpTo: 1, onProgress },
      6_000_000,
    );
    const [self, kv, ids] = result.rows;
    expect(kv?.outcome).toBe('refused');
    expect(kv?.reason).toMatch(/^needs [\d,]+ bytes .* and the backend holds 5,9[\d,]+$/);
    expect(Number(/[\d,]+/.exec(kv?.reason ?? '')?.[0].replaceAll(',', ''))).toBeGreaterThan(
      kv?.plan.contextBytes ?? Infinity,
    );
    expect(kv?.timeToFirstToken).toBeNull();
    expect(self?.outcome).toBe('refused');
    expect(ids?.outcome).toBe('measured');
    expect(tried.some((what) => what.startsWith('kv'))).toBe(false);
  });

  test('models that do not fit refuse every row, and nothing is run', async () => {
    const result = await sweep({}, 140_000);
    expect(new Set(result.rows.map(({ outcome }) => outcome))).toEqual(new Set(['refused']));
    expect(result.gemmFlopsPerSecond).toBeNull();
  });

  test('a backend that has no room after all refuses the row in its own words', async () => {
    const config = configOf(shape, 'inattention', 3);
    const resident = residentBytes(config, configOf(shape, 'self', 1), 'f32');
    const { contextBytes } = planRow(config, 'kv', 20_000, 200, 'f32');
    const options = { lengths: [20_000], variants: ['kv'] as const };
    // What the plan needs, and 70 kB for the kernels' constants and rounding, but nothing for the scratch of a step.
    const result = await sweep(options, resident + contextBytes + 70_000);
    const [row] = result.rows;
    expect(row?.outcome).toBe('refused');
    expect(row?.reason).toContain('out of memory');
  });

  test.each(['f32', 'f16', 'i8'] as const)('the models of a sweep hold their %s weights once', async (weightDType) => {
    using backend = createHostBackend();
    const configs = [configOf(shape, 'inattention', 3), configOf(shape, 'self', 1)] as const;
    const before = backend.ledger.live('weights');
    const models = await createSweepModels(backend, ...configs, weightDType);
    expect(backend.ledger.live('weights') - before).toBe(residentBytes(...configs, weightDType));
    models[Symbol.dispose]();
    expect(backend.ledger.live('weights')).toBe(before);
  });

  test('weights in f16 are planned, held and reported as such', async () => {
    const result = await sweep({ lengths: [300], variants: ['self', 'tables'], weightDType: 'f16' });
    expect(result.weightDType).toBe('f16');
    expect(result.weightBytes.inattention).toBe(weightBytes(configOf(shape, 'inattention', 3), 'f16'));
    for (const { plan, peakBytes, contextBytes, tableBytes, variant } of result.rows) {
      const model = variant === 'self' ? 'self' : 'inattention';
      expect(plan.totalBytes).toBe(result.weightBytes[model] + (contextBytes ?? 0) + (tableBytes ?? 0));
      expect(peakBytes).toBeGreaterThan(plan.totalBytes);
    }
  });

  test('cancelled, it hands over what was measured and leaves nothing behind', async () => {
    const controller = new AbortController();
    const partial: SweepResult[] = [];
    const running = sweep({
      signal: controller.signal,
      onProgress: ({ what }) => what.startsWith('kv at 300') && controller.abort(),
      onPartial: (result) => partial.push(result),
    });
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
    const last = partial.at(-1);
    expect(last?.interrupted).toBeDefined();
    const outcomes = last?.rows.map(({ outcome }) => outcome);
    expect(outcomes).toEqual([
      ...Array(5).fill('measured'),
      ...['measured', 'measured', 'unreached', 'unreached', 'unreached'],
      ...['extrapolated', ...Array(4).fill('unreached')],
    ]);
  });

  test('cancelled before it begins, it measures nothing', async () => {
    await expect(sweep({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('the baseline', () => {
  const config = configOf(shape, 'self', 1);
  const point = (tokens: number, median: number) => ({ tokens, median });

  test('one token’s prefill is a decode step of one position', () => {
    const attentionToItself = 2 * 4 * 8; // half of 4HC in each layer but the last, which the causal mask leaves out
    expect(baselineDecodeFlops(config, 1) - baselinePrefillFlops(config, 1)).toBe(attentionToItself);
  });

  test('its first token is extrapolated in proportion to the work, and says so', () => {
    const { median, extrapolated } = extrapolatePrefill(config, point(100, 10), 400);
    const ratio = baselinePrefillFlops(config, 400) / baselinePrefillFlops(config, 100);
    expect(ratio).toBeGreaterThan(4);
    expect(median).toBeCloseTo(10 * ratio, 10);
    expect(extrapolated).toContain('ms(100) · flops(N) / flops(100)');
  });

  test('its decode follows kv where that was run, and a line where it was not', () => {
    const self = [point(100, 3), point(300, 5)];
    expect(extrapolateDecode(self, [point(300, 6), point(900, 16)], 900)?.median).toBe(15);
    expect(extrapolateDecode(self, [point(300, 6), point(600, 12)], 900)?.median).toBe(5 + 12);
    expect(extrapolateDecode(self, [], 900)).toMatchObject({ median: 11, rounds: 0 });
    expect(extrapolateDecode(self.slice(1), [], 900)).toBeNull();
    expect(extrapolateDecode([], [point(900, 1)], 900)).toBeNull();
  });
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
