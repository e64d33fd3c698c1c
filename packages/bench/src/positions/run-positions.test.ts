import { AbortedError } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { expect, it } from 'vitest';
import type { Shape } from '../shapes.ts';
import { positionsMarkdown, positionsReport } from './positions-report.ts';
import { runPositions } from './run-positions.ts';

const shape: Shape = {
  name: 'tiny',
  vocabSize: 50,
  hiddenSize: 16,
  intermediateSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  headDim: 8,
  tieWordEmbeddings: true,
};
const facts = { title: 'Numbers', source: 'here', licence: 'none', tokenizer: 'numbers' };
const text = { ...facts, ids: Int32Array.from({ length: 513 }, (_, i) => (i * i) % 50) };
const settings = { shape, window: 3, positions: 8, lengths: [64, 512], text, rounds: 1, fullUpTo: 64 };

it('measures every kind of step within its plan, and what is too long for losses of all positions is planned', async () => {
  const backend = await createCpuBackend({ threads: 1 });
  try {
    const before = backend.ledger.snapshot().live;
    const result = await runPositions({
      ...settings,
      backend,
      environment: { Node: '20' },
      command: 'inattention bench',
    });
    expect(backend.ledger.snapshot().live).toEqual(before);
    expect(result.rows.map(({ length, distinct }) => [length, distinct])).toEqual([
      [64, 22],
      [512, 22],
    ]);
    for (const { length, steps } of result.rows) {
      expect(steps.map(({ kind }) => kind)).toEqual(['tables', 'dense', 'full', 'full-self', 'short']);
      for (const { kind, stepMs, equalTermsMs, peakBytes, plannedBytes, lossTerms } of steps) {
        const full = kind === 'full' || kind === 'full-self';
        expect(lossTerms).toBe(full ? length : 8);
        expect(stepMs === null).toBe(full && length > 64);
        if (stepMs === null) continue;
        expect(equalTermsMs).toBeCloseTo((stepMs * 8) / lossTerms, 9);
        expect(peakBytes).toBeGreaterThan(4 * 4 * result.parameters);
        expect(peakBytes).toBeLessThanOrEqual(plannedBytes);
      }
    }
    const [tables, dense] = result.rows[1]?.steps ?? [];
    expect(tables?.peakBytes).toBeLessThan(dense?.peakBytes ?? 0);
    const page = positionsMarkdown(result);
    expect(page).toMatch(/\| 512 \| 22 \| all \| 512 \| not run \| not run \| {2}\|/);
    expect(positionsReport(result)).toContain('chosen, by table row');
  } finally {
    backend.dispose();
  }
});

it('ends when it is told to', async () => {
  const backend = await createCpuBackend({ threads: 1 });
  const signal = AbortSignal.abort();
  const run = runPositions({ ...settings, backend, environment: {}, command: '', signal });
  await expect(run).rejects.toThrow(AbortedError);
  backend.dispose();
});
