import { createCpuBackend } from '@inattention/cpu';
import { createWebGpuBackend } from '@inattention/webgpu';
import { expect, test, vi } from 'vitest';
import { parseResult } from '../report/parse-result.ts';
import { profileTable } from '../report/profile-table.ts';
import { reportTables } from '../report/report-table.ts';
import { runSweep, type SweepOptions } from './sweep.ts';

vi.setConfig({ testTimeout: 120_000 });

const document = {
  ...{ title: 'sevenths', source: 'arithmetic', licence: 'none', tokenizer: 'numbers' },
  ids: Int32Array.from({ length: 200 }, (_, i) => (7 * i) % 50),
};

const options: Omit<SweepOptions, 'backend'> = {
  shape: {
    ...{ name: 'tiny', vocabSize: 50, hiddenSize: 16, intermediateSize: 24, numHiddenLayers: 2 },
    ...{ numAttentionHeads: 2, numKeyValueHeads: 1, headDim: 8, tieWordEmbeddings: true },
  },
  lengths: [20, 60],
  variants: ['tables', 'kv'],
  text: document,
  warmUpText: document,
  selfUpTo: 0,
  rounds: 1,
};

test('a sweep on WebGPU tells what the kernels of a decode step take; its report has the longest', async () => {
  using backend = await createWebGpuBackend();
  const result = await runSweep({ ...options, backend });
  for (const { decodeProfile } of result.rows) {
    // Taking in the token, and the logits after it, together.
    expect(decodeProfile?.submissions).toBe(1);
    expect(decodeProfile?.kernels.map(({ kernel }) => kernel)).toEqual(
      expect.arrayContaining(['rms-norm', 'matmul', 'attend-scores', 'swiglu']),
    );
    for (const { flops, bytes, dispatches } of decodeProfile?.kernels ?? []) {
      expect(dispatches).toBeGreaterThan(0);
      expect(bytes + flops).toBeGreaterThan(0);
    }
  }
  expect(parseResult(JSON.stringify(result))).toEqual(result);
  const table = profileTable(result);
  expect(new Set(table.rows.map(([name]) => name))).toEqual(
    new Set(['tables, 60 tokens, 1 submission', 'kv, 60 tokens, 1 submission']),
  );
  expect(reportTables(result).map(({ title }) => title)).toContain(table.title);
});

test('a backend that does not tell has no such table', async () => {
  using backend = await createCpuBackend();
  const result = await runSweep({ ...options, backend });
  expect(result.rows.every(({ outcome, decodeProfile }) => outcome === 'measured' && decodeProfile === undefined)).toBe(
    true,
  );
  expect(reportTables(result).map(({ title }) => title)).not.toContain(profileTable(result).title);
});
