import { expect, test, vi } from 'vitest';
import { trialsOf } from '../../test/kernel-trial.ts';
import { readWords } from '../../test/stored-arrays.ts';
import { openDevice } from '../device/open-device.ts';
import { copyBlock } from './copy-block.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

interface Block {
  readonly input: number;
  readonly out: number;
  readonly inputOffset: number;
  readonly inputStride: number;
  readonly outOffset: number;
  readonly outStride: number;
  readonly outer: number;
  readonly length: number;
}

const block = (numbers: Partial<Block> & Pick<Block, 'input' | 'out' | 'length'>): Block => ({
  inputOffset: 0,
  inputStride: 0,
  outOffset: 0,
  outStride: 0,
  outer: 1,
  ...numbers,
});

/** Even, for f16 too. The short bindings of the trials hold 16,320 words. */
const blocks: readonly Block[] = [
  block({ input: 10, out: 12, length: 6, inputOffset: 2, outOffset: 4 }),
  block({ input: 40_000, out: 40_002, length: 39_998, inputOffset: 2, outOffset: 4 }),
  block({ input: 600, out: 700, length: 6, inputOffset: 2, inputStride: 8, outOffset: 4, outStride: 12, outer: 50 }),
  block({ input: 1600, out: 3200, length: 16, inputStride: 16, outStride: 32, outer: 100 }),
  block({ input: 1600, out: 1600, length: 16, inputStride: 16, outStride: 16, outer: 100 }),
  block({ input: 8, out: 80_000, length: 8, outStride: 16, outer: 5000 }), // one run repeated, further than a binding
  block({ input: 200_000, out: 8000, length: 2, inputStride: 50, outStride: 2, outer: 4000 }),
  block({ input: 120_000, out: 160_000, length: 36_000, inputStride: 36_002, outStride: 40_000, outer: 3 }),
  block({ input: 200_000, out: 200_000, length: 18_000, inputStride: 20_000, outStride: 19_000, outer: 10 }),
];

const oddBlocks: readonly Block[] = [
  block({ input: 13, out: 17, length: 9, inputOffset: 3, outOffset: 5 }),
  block({ input: 60_003, out: 40_000, length: 1, inputOffset: 1, inputStride: 3, outStride: 2, outer: 20_000 }),
];

function copied(
  { inputOffset, inputStride, outOffset, outStride, outer, length }: Block,
  from: Uint16Array | Uint32Array,
  to: Uint16Array | Uint32Array,
) {
  const out = to.slice();
  for (let o = 0; o < outer; o += 1) {
    const first = inputOffset + o * inputStride;
    out.set(from.subarray(first, first + length), outOffset + o * outStride);
  }
  return out;
}

test.each(trialsOf(device))('between buffers: $name', async ({ create }) => {
  const trial = create();
  for (const dtype of ['i32', 'f32', 'f16'] as const) {
    for (const one of dtype === 'f16' ? blocks : [...blocks, ...oddBlocks]) {
      const source = Int32Array.from({ length: one.input }, (_, i) => i * 2_654_435);
      const before = Int32Array.from({ length: one.out }, (_, i) => -1 - i);
      const perWord = dtype === 'f16' ? 2 : 1;
      const ofWords = (data: Int32Array) => data.subarray(0, data.length / perWord);
      const stored = (data: Int32Array) =>
        dtype === 'f16' ? new Uint16Array(data.buffer, 0, data.length) : new Uint32Array(data.buffer, 0, data.length);
      const input = { ...trial.integers([one.input / perWord], ofWords(source)), dtype, shape: [one.input] };
      const out = { ...trial.integers([one.out / perWord], ofWords(before)), dtype, shape: [one.out] };
      copyBlock(trial.runner, { ...one, input, out });
      const got = await readWords(trial, out, one.out / perWord);
      const expected = copied(one, stored(source), stored(before));
      const words = new Uint32Array(expected.buffer, 0, one.out / perWord);
      expect(
        got.findIndex((word, i) => word !== words[i]),
        `${dtype} ${JSON.stringify(one)}`,
      ).toBe(-1);
    }
  }
  await trial.dispose();
});

test.each(trialsOf(device))('within one buffer: $name', async ({ create }) => {
  const trial = create();
  for (const one of [
    block({ input: 600, out: 600, length: 257, inputOffset: 3, outOffset: 300 }),
    block({ input: 600, out: 600, length: 128, inputOffset: 400, outOffset: 0 }),
    block({ input: 90_000, out: 90_000, length: 40_000, inputOffset: 45_000, outOffset: 1000 }),
    block({ input: 90_000, out: 90_000, length: 4, inputStride: 8, outOffset: 4, outStride: 8, outer: 11_000 }),
  ]) {
    const data = Int32Array.from({ length: one.input }, (_, i) => i * 77);
    const view = trial.integers([one.input], data);
    copyBlock(trial.runner, { ...one, input: view, out: view });
    const words = new Uint32Array(data.buffer);
    expect(await readWords(trial, view), JSON.stringify(one)).toEqual(copied(one, words, words));
  }
  await trial.dispose();
});
