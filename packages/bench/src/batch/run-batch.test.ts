import { createCpuBackend } from '@inattention/cpu';
import { describe, expect, test } from 'vitest';
import type { Shape } from '../shapes.ts';
import { batchMarkdown, batchReport } from './batch-report.ts';
import { type BatchBenchOptions, runBatch } from './run-batch.ts';

const shape: Shape = {
  name: 'tiny',
  vocabSize: 300,
  hiddenSize: 16,
  intermediateSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  headDim: 8,
  tieWordEmbeddings: true,
};

async function run(changes: Partial<BatchBenchOptions> = {}) {
  const backend = await createCpuBackend();
  const [sessions, tokens, stride] = [5, 300, 40];
  const ids = Int32Array.from({ length: tokens + sessions * stride }, (_, order) => (order * order) % 290);
  const text = { title: 'Squares', source: 'computed', licence: 'none', tokenizer: 'none', ids };
  try {
    return await runBatch({
      ...{
        backend,
        shape,
        mode: 'tables',
        dtype: 'f32',
        weightDType: 'f32',
        window: 3,
        sessions,
        tokens,
        stride,
        text,
      },
      ...{ batches: [1, 2, 4], rounds: 2, environment: {}, command: 'bench', ...changes },
    });
  } finally {
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    backend.dispose();
  }
}

describe('many sessions', () => {
  test.each(['tables', 'kv', 'states', 'ids'] as const)(
    '%s: bytes are the planned ones, every batch is measured',
    async (mode) => {
      const result = await run({ mode });
      expect(result.bytes.contextEach).toBeGreaterThanOrEqual(4 * 512);
      expect(result.bytes.context).toBe(5 * result.bytes.contextEach);
      expect(result.bytes.table > 0).toBe(mode === 'tables');
      expect(result.rows.map(({ batch, steps }) => [batch, steps])).toEqual([1, 2, 4].map((batch) => [batch, 2]));
      for (const { batch, stepMs, tokensPerSecond } of result.rows) {
        expect(tokensPerSecond).toBeCloseTo((1000 * batch) / stepMs);
      }
      for (const report of [batchReport(result), batchMarkdown(result)]) {
        expect(report).toContain('Sessions: 5 of 300 ids each');
        expect(report).toContain(` ${result.bytes.context.toLocaleString('en-US')} `);
        expect(report).toContain(` ${result.rows[2]?.tokensPerSecond.toFixed(1)} `);
      }
    },
  );

  test('bytes that are not the planned ones fail the run', async () => {
    const backend = await createCpuBackend();
    const extra = backend.allocate(64, 'context');
    await expect(run({ backend })).rejects.toThrow('All contexts in the ledger: not the bytes that were planned');
    backend.free(extra);
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    backend.dispose();
  });

  test('cancelled, nothing stays behind', async () => {
    await expect(run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
