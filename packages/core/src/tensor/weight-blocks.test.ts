import { expect, it } from 'vitest';
import { NonFiniteError, ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { Tensor } from './tensor.ts';
import { activationBlock, decodeWeightBlocks, encodeWeightBlocks, roundActivations } from './weight-blocks.ts';

const wave = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7) * 4 ** (i / 64) + 0.3);

it.each([
  ['q4_1', 20, 1 / 30],
  ['q8_0', 34, 1 / 254],
] as const)('%s: %d bytes a block, numbers within half a step, and the same again', (dtype, blockBytes, part) => {
  const data = wave(128);
  const bytes = encodeWeightBlocks(dtype, data, 'w');
  expect(bytes).toHaveLength(4 * blockBytes);
  const numbers = new Float32Array(128);
  decodeWeightBlocks(dtype, bytes, numbers);
  numbers.forEach((number, i) => {
    const block = data.slice(i & ~31, (i & ~31) + 32);
    const span = dtype === 'q4_1' ? Math.max(...block) - Math.min(...block) : Math.max(...block.map(Math.abs));
    const most = Math.max(...block.map(Math.abs));
    // Half a step, and scales rounded to f16: the q8_0 scale times up to 127, q4_1's times up to 15 and the minimum.
    expect(Math.abs(number - (data[i] as number))).toBeLessThanOrEqual(span * part + 2 * most * 2 ** -11);
  });
  expect(encodeWeightBlocks(dtype, new Float32Array(64), 'w')).toEqual(new Uint8Array(2 * blockBytes));
});

it('refuses numbers whose scales f16 does not hold, by name', () => {
  const spoilt = (value: number) => Float32Array.from({ length: 64 }, (_, i) => (i === 40 ? value : 0));
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1e5]) {
    expect(() => encodeWeightBlocks('q4_1', spoilt(value), 'w')).toThrow(NonFiniteError);
  }
  expect(() => encodeWeightBlocks('q8_0', spoilt(1e7), 'some.weight')).toThrow(
    /"some.weight" holds a number that q8_0/,
  );
  expect(encodeWeightBlocks('q8_0', spoilt(8e6), 'w')).toHaveLength(68);
});

it('rounds activations to nearest, ties to even, to within a 65534th of the largest of their block', () => {
  const numbers = Float32Array.from({ length: 32 }, (_, i) => i - 15.5);
  numbers[0] = 32_767; // the scale is 1
  const { scale, values } = activationBlock(numbers);
  expect(scale).toBe(1);
  expect([...values.slice(0, 5), values[31]]).toEqual([32_767, -14, -14, -12, -12, 16]);
  const data = wave(96);
  roundActivations(data).forEach((rounded, i) => {
    const most = Math.max(...data.slice(i & ~31, (i & ~31) + 32).map(Math.abs));
    expect(Math.abs(rounded - (data[i] as number))).toBeLessThanOrEqual((most / 65_534) * (1 + 1e-2));
  });
});

it('rounds blocks too small to have a scale to 0, and blocks that are not finite to NaN', () => {
  const data = Float32Array.of(...new Float32Array(32).fill(1e-31), ...new Float32Array(32).fill(1));
  data[40] = Number.NEGATIVE_INFINITY;
  const rounded = roundActivations(data);
  expect([...rounded.slice(0, 32)]).toEqual(Array(32).fill(0));
  expect([...rounded.slice(32)]).toEqual(Array(32).fill(Number.NaN));
});

it('is a tensor that can be sliced by rows and read as bytes, not reshaped across rows, written or allocated', async () => {
  const backend = createHostBackend();
  const data = wave(256);
  const bytes = encodeWeightBlocks('q4_1', data, 'w');
  using tensor = Tensor.fromEncoded(backend, 'q4_1', bytes, [4, 64], 'weights');
  expect(backend.ledger.live('weights')).toBe(160);
  using rows = tensor.slice(1, 2);
  expect(await rows.readEncoded()).toEqual(bytes.slice(40, 120));
  using shaped = tensor.reshape([2, 2, 64]);
  expect(await shaped.readEncoded()).toEqual(bytes);
  expect(() => tensor.reshape([8, 32])).toThrow(ShapeError);
  expect(() => tensor.write(data)).toThrow(/blocks/);
  await expect(tensor.read()).rejects.toThrow(/read as bytes/);
  expect(() => Tensor.allocate(backend, [4, 64], 'q4_1', 'weights')).toThrow(/fromEncoded/);
  expect(() => Tensor.fromEncoded(backend, 'q4_1', bytes, [8, 16], 'weights')).toThrow(/whole blocks/);
  expect(() => Tensor.fromEncoded(backend, 'q8_0', new Uint8Array(34), [1, 32], 'weights')).toThrow(/whole blocks/);
  expect(() => Tensor.fromEncoded(backend, 'q4_1', bytes, [3, 64], 'weights')).toThrow(/120 bytes/);
});
