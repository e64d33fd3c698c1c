/** How many dispatches primitives take: one wherever one will do, none for what the device copies itself. */

import { type DType, type Primitives, type Purpose, sizeOf, type TensorView } from '@inattention/core';
import { expect, test } from 'vitest';
import { openDevice } from '../device/open-device.ts';
import { createWebGpuBackend, type WebGpuBackend } from '../webgpu-backend.ts';

const { device } = await openDevice();

class Tensors {
  readonly backend: WebGpuBackend;

  constructor(backend: WebGpuBackend) {
    this.backend = backend;
  }

  /** A zeroed tensor in a buffer of its own; of purpose 'table', in part of a slab. */
  view(shape: readonly number[], dtype: DType = 'f32', purpose: Purpose = 'scratch'): TensorView {
    const bytes = sizeOf(shape) * 4;
    const buffer = this.backend.allocate(bytes, purpose);
    this.backend.write(buffer, 0, new Uint8Array(bytes));
    return { buffer, byteOffset: 0, dtype, shape };
  }

  async dispatches(work: (primitives: Primitives) => void): Promise<number> {
    const { profile } = await this.backend.profile(async () => {
      work(this.backend.primitives);
      await this.backend.sync();
    });
    return profile.dispatches.length;
  }
}

test('elementwise operations, casts, permutations: one', async () => {
  using backend = await createWebGpuBackend({ device });
  const tensors = new Tensors(backend);
  const [a, b, row] = [tensors.view([30, 64]), tensors.view([30, 64]), tensors.view([64])];
  const broadcast = { length: 64, stride: 1 };
  expect(await tensors.dispatches(({ add }) => add({ a, b: row, broadcast, out: a }))).toBe(1);
  expect(await tensors.dispatches(({ exp }) => exp({ input: a, out: a }))).toBe(1);
  expect(await tensors.dispatches(({ fill }) => fill({ out: a, value: 1 }))).toBe(1);
  const half = tensors.view([30, 64], 'f16');
  expect(await tensors.dispatches(({ cast }) => cast({ input: a, out: half }))).toBe(1);
  const turned = tensors.view([64, 30]);
  expect(await tensors.dispatches(({ permute }) => permute({ input: a, axes: [1, 0], out: turned }))).toBe(1);
  expect(await tensors.dispatches(({ cast }) => cast({ input: a, out: b }))).toBe(0);
});

test('reductions: one, two for a long axis', async () => {
  using backend = await createWebGpuBackend({ device });
  const tensors = new Tensors(backend);
  const [input, out] = [tensors.view([1 << 17]), tensors.view([1 << 10])];
  const reduced = (outer: number, axis: number, inner: number) =>
    tensors.dispatches(({ sum }) => sum({ input, outer, axis, inner, out }));
  expect(await reduced(16, 256, 1)).toBe(1);
  expect(await reduced(1, 16, 1024)).toBe(1);
  expect(await reduced(1, 1 << 17, 1)).toBe(2);
});

test('rows: one for pages of one slab, one per buffer otherwise', async () => {
  using backend = await createWebGpuBackend({ device });
  const tensors = new Tensors(backend);
  const [ids, out] = [tensors.view([5], 'i32'), tensors.view([5, 8])];
  const gathered = (pages: readonly TensorView[]) =>
    tensors.dispatches(({ gatherRows }) =>
      gatherRows({ pages, rowsPerPage: 4, ids, stride: 1, offset: 0, width: 8, accumulate: false, out }),
    );
  const inSlab = Array.from({ length: 20 }, () => tensors.view([4, 8], 'f32', 'table'));
  expect(await gathered(inSlab)).toBe(1);
  expect(await gathered([tensors.view([4, 8]), tensors.view([4, 8]), ...inSlab])).toBe(3);
  const [rows, starts, order] = [tensors.view([1], 'i32'), tensors.view([2], 'i32'), tensors.view([1], 'i32')];
  const lists = { rows, starts, order, count: 1, width: 8 };
  expect(
    await tensors.dispatches(({ scatterAddRows }) =>
      scatterAddRows({ ...lists, source: out, out: tensors.view([4, 8]) }),
    ),
  ).toBe(1);
});

test('copies: none between buffers, one within a buffer or for many runs', async () => {
  using backend = await createWebGpuBackend({ device });
  const tensors = new Tensors(backend);
  const [input, out] = [tensors.view([4096]), tensors.view([4096])];
  const run = { inputOffset: 0, inputStride: 0, outOffset: 2048, outStride: 0, outer: 1, length: 1000 };
  const copied = (args: Omit<Parameters<Primitives['copyBlock']>[0], 'input'>) =>
    tensors.dispatches(({ copyBlock }) => copyBlock({ ...args, input }));
  expect(await copied({ ...run, out })).toBe(0);
  expect(await copied({ ...run, out, inputStride: 50, outStride: 50, outer: 20, length: 50 })).toBe(0);
  expect(await copied({ ...run, out, inputStride: 64, outStride: 50, outer: 20, length: 50 })).toBe(1);
  expect(await copied({ ...run, out: input })).toBe(1);
});
