import { decodeFloat16, encodeFloat16 } from '@inattention/core';
import { expect, test, vi } from 'vitest';
import { numbers } from '../../test/compare-numbers.ts';
import { trialsOf } from '../../test/kernel-trial.ts';
import { placeHalfBits, readWords } from '../../test/stored-arrays.ts';
import { openDevice } from '../device/open-device.ts';
import { cast } from './cast.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

const bitsOf = (x: Float32Array): number[] => [...new Uint32Array(x.buffer, x.byteOffset, x.length)];

/** Of each length: the f16 of f32 numbers of every exponent, bit by bit, and back. */
const lengths = [1, 2, 3, 4, 7, 8, 9, 63, 64, 65, 256, 1000, 40_000, 40_001, 40_008];

test.each(trialsOf(device))('f32 to f16 and back, of every length: $name', async ({ create }) => {
  const trial = create();
  for (const length of lengths) {
    const x = numbers(length, length).map((value, i) => value * 2 ** ((i % 44) - 27)); // subnormal f16 to overflow
    const half = placeHalfBits(trial, [length], new Uint16Array(length));
    const back = trial.floats([length]);
    cast(trial.runner, { input: trial.floats([length], x), out: half });
    cast(trial.runner, { input: half, out: back });
    const words = await readWords(trial, half, Math.ceil(length / 2));
    const expected = encodeFloat16(x);
    expect([...new Uint16Array(words.buffer, words.byteOffset, length)]).toEqual([...expected]);
    expect(bitsOf(await trial.read(back))).toEqual(bitsOf(decodeFloat16(expected)));
  }
  await trial.dispose();
});

test.each(trialsOf(device))('every f16 widens exactly, NaN included: $name', async ({ create }) => {
  const trial = create();
  const bits = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const out = trial.floats([65_536]);
  cast(trial.runner, { input: placeHalfBits(trial, [65_536], bits), out });
  expect(bitsOf(await trial.read(out))).toEqual(bitsOf(decodeFloat16(bits)));
  await trial.dispose();
});

test.each(trialsOf(device))('ties go to even, infinities and NaN stay: $name', async ({ create }) => {
  const trial = create();
  const x: number[] = [0, -0, Infinity, -Infinity, NaN, 65_519.996, 65_520, 1e30, -1e30, 1e-45, 2 ** -25, 2 ** -24];
  for (let exponent = -26; exponent <= 16; exponent += 1) {
    for (const mantissa of [1, 1 + 1 / 2048, 1 + 1 / 2048 + 2 ** -23, 1 + 3 / 2048, 2 - 2 ** -11, 2 - 2 ** -23]) {
      x.push(mantissa * 2 ** exponent, -mantissa * 2 ** exponent);
    }
  }
  while (x.length % 8 !== 0) x.push(1);
  const half = placeHalfBits(trial, [x.length], new Uint16Array(x.length));
  cast(trial.runner, { input: trial.floats([x.length], x), out: half });
  const words = await readWords(trial, half, x.length / 2);
  expect([...new Uint16Array(words.buffer, words.byteOffset, x.length)]).toEqual([
    ...encodeFloat16(Float32Array.from(x)),
  ]);
  await trial.dispose();
});

test.each(trialsOf(device))('i32 to f32, and copies: $name', async ({ create }) => {
  const trial = create();
  for (const length of [1, 64, 65, 40_001]) {
    const x = Int32Array.from({ length }, (_, i) => (i % 2 === 0 ? i : -i) * 97);
    const [input, out, copy] = [
      trial.integers([length], x),
      trial.floats([length]),
      trial.integers(
        [length],
        x.map(() => 0),
      ),
    ];
    cast(trial.runner, { input, out });
    expect([...(await trial.read(out))]).toEqual([...x]);
    cast(trial.runner, { input, out: copy });
    expect([...(await readWords(trial, copy))]).toEqual([...new Uint32Array(x.buffer)]);
    cast(trial.runner, { input: copy, out: copy });
    expect([...(await readWords(trial, copy))]).toEqual([...new Uint32Array(x.buffer)]);
  }
  await trial.dispose();
});
