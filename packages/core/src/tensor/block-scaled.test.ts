import { expect, it } from 'vitest';
import { InvalidArgumentError, NonFiniteError, ShapeError } from '../errors/errors.ts';
import { blockScaledBytes, blocksPerRow, dequantizeBlocks, scalesShape } from './block-scaled.ts';
import { quantizeBlocks } from './quantize-blocks.ts';

/** Numbers of many magnitudes, signs and patterns, from a linear congruence. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => next() * 10 ** (30 * next()));
}

it.each([
  [[3, 4], 32],
  [[2, 32], 32],
  [[5, 40], 32],
  [[2, 3, 100], 16],
  [[4, 256], 64],
])('an element of %j is off by at most half the scale of its block of %d', (shape, blockLength) => {
  const size = shape.reduce((product, axis) => product * axis, 1);
  const width = shape.at(-1) as number;
  const data = numbers(size, 7);
  const quantised = quantizeBlocks(data, shape, { blockLength });
  const back = dequantizeBlocks(quantised);
  expect(quantised.scales).toHaveLength((size / width) * blocksPerRow(width, blockLength));
  data.forEach((x, i) => {
    const row = Math.floor(i / width);
    const block = row * blocksPerRow(width, blockLength) + Math.floor((i % width) / blockLength);
    const start = row * width + Math.floor((i % width) / blockLength) * blockLength;
    const most = data.subarray(start, Math.min(start + blockLength, (row + 1) * width));
    const scale = quantised.scales[block] as number;
    expect(scale).toBe(Math.fround(most.reduce((a, b) => Math.max(a, Math.abs(b)), 0) / 127));
    const rounding = Math.abs(x) * 2 ** -23; // of the scale and of the product
    expect(Math.abs(x - (back[i] as number))).toBeLessThanOrEqual(scale / 2 + rounding);
  });
  // Nothing is rounded away: quantising what was quantised changes nothing.
  const again = quantizeBlocks(back, shape, { blockLength });
  expect(again.values).toEqual(quantised.values);
});

it('rounds to nearest, ties to even, and keeps both ends', () => {
  const data = Float32Array.of(127, -127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.4, 3.6, 126.5, -126.4);
  expect([...quantizeBlocks(data, [1, 12]).values]).toEqual([127, -127, 0, 2, 2, 0, -2, -2, 3, 4, 126, -126]);
});

it('keeps zero blocks at zero, and numbers too small for a scale', () => {
  const zeros = quantizeBlocks(new Float32Array(64), [1, 64]);
  expect([...zeros.scales, ...zeros.values].every((x) => Object.is(x, 0))).toBe(true);
  const tiny = quantizeBlocks(Float32Array.of(1e-44, 0, -1e-44, 1e-45), [1, 4]);
  expect([...dequantizeBlocks(tiny)].every((x) => Math.abs(x) <= 1e-44)).toBe(true);
  const subnormal = quantizeBlocks(Float32Array.of(2.6e-43, -2.6e-43, 0, 0), [1, 4]);
  expect([...subnormal.values]).toEqual([127, -127, 0, 0]);
  const large = quantizeBlocks(Float32Array.of(3.4e38, -3.4e38, 1e38, 0), [1, 4]);
  expect([...dequantizeBlocks(large)].every(Number.isFinite)).toBe(true);
});

it('gives each row blocks of its own', () => {
  const { scales } = quantizeBlocks(Float32Array.of(127, 0, 0, 0, 254, 0, 0, 0), [2, 4]);
  expect([...scales]).toEqual([1, 2]);
});

it('counts bytes', () => {
  expect(blockScaledBytes([10, 64])).toBe(640 + 4 * 20);
  expect(blockScaledBytes([2, 3, 40])).toBe(240 + 4 * 12);
  expect(blockScaledBytes([0, 64])).toBe(0);
  expect(scalesShape([2, 3, 40], 16)).toEqual([2, 3, 3]);
});

it.each([
  ['NaN', Float32Array.of(1, Number.NaN, 0, 0), [1, 4], {}, NonFiniteError],
  ['infinity', Float32Array.of(1, 0, 0, Number.NEGATIVE_INFINITY), [1, 4], {}, NonFiniteError],
  ['a vector', new Float32Array(4), [4], {}, ShapeError],
  ['rows that are no whole words', new Float32Array(6), [1, 6], {}, ShapeError],
  ['another number of elements', new Float32Array(8), [1, 4], {}, ShapeError],
  ['blocks of 24', new Float32Array(48), [1, 48], { blockLength: 24 }, InvalidArgumentError],
  ['blocks of 0', new Float32Array(48), [1, 48], { blockLength: 0 }, InvalidArgumentError],
])('refuses %s', (_, data, shape, options, error) => {
  expect(() => quantizeBlocks(data, shape, options)).toThrow(error);
});

it('names the tensor and the element that is not finite', () => {
  const data = Float32Array.of(0, 0, Number.NaN, 0);
  expect(() => quantizeBlocks(data, [1, 4], { name: 'model.norm' })).toThrow(/model\.norm .*NaN at element 2/);
});
