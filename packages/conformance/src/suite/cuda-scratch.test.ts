/** Scratch of attention on the CUDA backend, from 1 Ki to 128 Ki entries: under the bound it states, whatever the length. */

import { type Backend, type ContextView, EagerOperations, IndexTensor, type Tensor } from '@inattention/core';
import { attentionScratchBytes } from '@inattention/cuda';
import { describe, expect, test, vi } from 'vitest';
import { cudaBackends } from '../../test/cuda-here.ts';

const createBackend = await cudaBackends();
vi.setConfig({ testTimeout: 120_000 });

const [heads, kvHeads, headDim, rowsPerPage] = [4, 2, 16, 256];

/** A cache of `length` entries in pages, as sessions keep it. */
function cacheOf(backend: Backend, operations: EagerOperations, length: number): ContextView {
  const page = () => {
    const tensor = operations.allocate([rowsPerPage, kvHeads, headDim], 'f32', 'context');
    backend.primitives.fill({ out: tensor, value: 0.5 });
    return tensor;
  };
  const pages = Array.from({ length: length / rowsPerPage }, () => ({ keys: page(), values: page() }));
  return {
    length,
    firstPosition: 0,
    kvHeads,
    headDim,
    window: 1,
    rows: { pages, rowsPerPage },
    pageLength: rowsPerPage,
    index: null,
    scale: null,
    positionRows: null,
    rope: null,
  };
}

describe.each([1, 64])('%d queries', (rows) => {
  test.each([1, 2, 4, 8, 16, 32, 64, 128])('%d Ki entries', async (kibi) => {
    using backend = await createBackend();
    const operations = new EagerOperations(backend);
    const length = kibi * 1024;
    const view = cacheOf(backend, operations, length);
    const queries = operations.upload(new Float32Array(rows * heads * headDim).fill(0.1), [rows, heads, headDim]);
    const positions = new IndexTensor(
      backend,
      Array.from({ length: rows }, (_, i) => length - rows + i),
    );
    const run = () =>
      operations.scope(() => ({ out: operations.attend(queries, positions, view, { scale: 0.25, slopes: null }).out }));
    run().out.dispose(); // pages come side by side when they are first read
    const before = backend.ledger.snapshot();
    backend.ledger.resetPeak();
    const { out } = run();
    const { peakTotal } = backend.ledger.snapshot();
    const scratch = peakTotal - before.liveTotal - before.reserved - 4 * rows * heads * (headDim + 2);
    const bound = attentionScratchBytes(heads, kvHeads, headDim);
    expect(scratch).toBeLessThanOrEqual(bound);
    if (kibi >= 16) expect(scratch).toBeGreaterThan(bound / 200); // the count sees what is taken
    expect((await out.readFloat32()).every((x) => Math.abs(x - 0.5) < 1e-4)).toBe(true);
    for (const tensor of view.rows.pages.flatMap(({ keys, values }) => [keys, values])) (tensor as Tensor).dispose();
  });
});
