/** copyBlock: runs with offsets and strides, a run repeated, parts of one buffer, every dtype. */

import type { DType, TensorView } from '@inattention/core';
import { expectSame } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset, type DeviceArrays } from '../device-arrays.ts';
import { sweptLengths } from '../lengths.ts';

interface Block {
  /** Elements of the input and of the result. */
  readonly input: number;
  readonly out: number;
  readonly inputOffset?: number;
  readonly inputStride?: number;
  readonly outOffset?: number;
  readonly outStride?: number;
  readonly outer?: number;
  readonly length: number;
}

/** All even, so that they do for f16 too. */
const blocks: readonly Block[] = [
  ...sweptLengths.map((length) => ({ length: 2 * length, input: 2 * length + 6, inputOffset: 4, out: 2 * length })),
  { input: 20, out: 40, inputOffset: 2, outOffset: 6, length: 10 },
  { input: 60, out: 84, inputOffset: 2, inputStride: 8, outOffset: 4, outStride: 12, outer: 7, length: 6 }, // columns
  { input: 6, out: 60, inputStride: 0, outStride: 10, outer: 6, length: 6 }, // one run repeated
  { input: 600, out: 6, inputOffset: 594, length: 6 },
  { input: 2 * 1025 * 4, out: 2 * 1025, inputStride: 8, outStride: 2, outer: 1025, length: 2 },
  { input: 4 * 300, out: 4 * 300, inputStride: 4, outStride: 4, outer: 300, length: 4 },
];

/** Odd ones, for dtypes of 4 bytes. */
const oddBlocks: readonly Block[] = [
  { input: 13, out: 17, inputOffset: 3, outOffset: 5, length: 9 },
  { input: 51, out: 34, inputOffset: 1, inputStride: 3, outOffset: 0, outStride: 2, outer: 17, length: 1 }, // gathers
  { input: 21, out: 35, inputOffset: 0, inputStride: 3, outOffset: 2, outStride: 5, outer: 7, length: 3 },
  { input: 1, out: 257, inputStride: 0, outStride: 1, outer: 257, length: 1 },
];

export function copyBlockTests(group: Group): void {
  group.describe('copyBlock', () => {
    for (const dtype of ['f32', 'i32', 'f16'] as const) {
      const chosen = dtype === 'f16' ? blocks : [...blocks, ...oddBlocks];
      group.test(`runs of ${dtype}, the rest untouched`, (trial) => copyBlocks(trial, dtype, chosen));
    }
    group.test('from one part of a buffer to another', (trial) => withinOneBuffer(trial));
  });
}

async function copyBlocks({ backend }: Trial, dtype: 'f32' | 'i32' | 'f16', chosen: readonly Block[]): Promise<void> {
  await atEachOffset(backend, async (arrays) => {
    for (const block of chosen) {
      const source = Array.from({ length: block.input }, (_, i) => (i * 7) % 2039);
      const before = Array.from({ length: block.out }, (_, i) => -1 - (i % 100));
      const [input, out] = [place(arrays, dtype, source), place(arrays, dtype, before)];
      backend.primitives.copyBlock({ ...complete(block), input, out });
      expectSame(await arrays.read(out), copied(block, source, before), `copyBlock ${JSON.stringify(block)}`);
      arrays.dispose();
    }
  });
}

function place(arrays: DeviceArrays, dtype: DType, data: readonly number[]): TensorView {
  if (dtype === 'i32') return arrays.integers([data.length], data);
  return arrays.numbers(dtype === 'f16' ? 'f16' : 'f32', [data.length], data);
}

function complete({ inputOffset = 0, inputStride = 0, outOffset = 0, outStride = 0, outer = 1, length }: Block) {
  return { inputOffset, inputStride, outOffset, outStride, outer, length };
}

function copied(block: Block, source: readonly number[], before: readonly number[]): number[] {
  const { inputOffset, inputStride, outOffset, outStride, outer, length } = complete(block);
  const out = [...before];
  for (let o = 0; o < outer; o += 1) {
    for (let k = 0; k < length; k += 1) {
      out[outOffset + o * outStride + k] = source[inputOffset + o * inputStride + k] as number;
    }
  }
  return out;
}

async function withinOneBuffer({ backend }: Trial): Promise<void> {
  await atEachOffset(backend, async (arrays) => {
    for (const [inputOffset, outOffset, length] of [
      [0, 10, 10],
      [10, 0, 10],
      [3, 300, 257],
      [400, 20, 129],
    ] as const) {
      const data = Array.from({ length: 600 }, (_, i) => i);
      const view = arrays.floats([600], data);
      const block = { input: 600, out: 600, inputOffset, outOffset, length };
      backend.primitives.copyBlock({ ...complete(block), input: view, out: view });
      expectSame(
        await arrays.read(view),
        copied(block, data, data),
        `${length} elements, ${inputOffset} to ${outOffset}`,
      );
    }
  });
}
