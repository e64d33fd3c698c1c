/** The elementary operations on numbers small enough to check by eye. */

import { InvalidArgumentError, ShapeError, TokenOutOfRangeError } from '@inattention/core';
import { describe, expect, it } from 'vitest';
import { adamwStep } from './adamw.ts';
import { alibiSlopes } from './alibi.ts';
import { attentionForward, attentionWeights, lowestFloat32 } from './attention.ts';
import { crossEntropyForward } from './cross-entropy.ts';
import { add, affine, divide, exp, log, multiply, sigmoid, sqrt, subtract } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { mergeAttention } from './merge-attention.ts';
import { ndArray, reshaped } from './nd-array.ts';
import { permute } from './permute.ts';
import { max, sum } from './reduce.ts';
import { rmsNormForward } from './rms-norm.ts';
import { ropeBackward, ropeForward } from './rope.ts';
import { gatherRows, scatterAddRows } from './rows.ts';
import { swigluForward } from './swiglu.ts';

const vector = (...values: number[]) => ndArray([values.length], values);
const counting = (...shape: number[]) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return ndArray(
    shape,
    Array.from({ length: size }, (_, i) => i),
  );
};

describe('arrays', () => {
  it('refuses data that does not fill the shape', () => {
    expect(() => ndArray([2, 2], [1, 2, 3])).toThrow(ShapeError);
    expect(() => reshaped(counting(2, 3), [4])).toThrow(ShapeError);
  });
});

describe('elementwise', () => {
  it('broadcasts rows, columns and scalars', () => {
    const matrix = counting(2, 3); // 0 1 2 / 3 4 5
    expect([...add(matrix, vector(10, 20, 30)).data]).toEqual([10, 21, 32, 13, 24, 35]);
    expect([...subtract(matrix, ndArray([2, 1], [1, 2])).data]).toEqual([-1, 0, 1, 1, 2, 3]);
    expect([...multiply(ndArray([], [2]), matrix).data]).toEqual([0, 2, 4, 6, 8, 10]);
    const outer = divide(ndArray([2, 1], [6, 12]), vector(1, 2, 3));
    expect(outer.shape).toEqual([2, 3]);
    expect([...outer.data]).toEqual([6, 3, 2, 12, 6, 4]);
  });

  it('refuses shapes that do not broadcast', () => {
    expect(() => add(counting(2, 3), counting(2))).toThrow(ShapeError);
  });

  it('maps', () => {
    expect([...affine(vector(1, 2), 3, -1).data]).toEqual([2, 5]);
    expect([...exp(vector(0, Number.NEGATIVE_INFINITY)).data]).toEqual([1, 0]);
    expect([...log(vector(1, 0)).data]).toEqual([0, Number.NEGATIVE_INFINITY]);
    expect([...sqrt(vector(4, 0.25)).data]).toEqual([2, 0.5]);
    expect([...sigmoid(vector(0, -1000, 1000)).data]).toEqual([0.5, 0, 1]);
  });

  it('gates', () => {
    expect([...swigluForward(vector(0, 1000), vector(5, 2)).data]).toEqual([0, 2000]);
  });
});

describe('reductions', () => {
  it('sum and max over each axis', () => {
    const cube = counting(2, 3, 2); // 0 1 / 2 3 / 4 5 // 6 7 / 8 9 / 10 11
    expect(sum(cube, 1).shape).toEqual([2, 2]);
    expect([...sum(cube, 1).data]).toEqual([6, 9, 24, 27]);
    expect([...sum(cube, 0).data]).toEqual([6, 8, 10, 12, 14, 16]);
    expect([...max(cube, 2).data]).toEqual([1, 3, 5, 7, 9, 11]);
    expect([...sum(counting(2, 0), 1).data]).toEqual([0, 0]);
    expect(() => sum(cube, 3)).toThrow(InvalidArgumentError);
  });
});

describe('matmul', () => {
  const a = ndArray([2, 3], [1, 2, 3, 4, 5, 6]);
  const b = ndArray([3, 2], [1, 0, 2, 1, 0, 3]);
  const product = [5, 11, 14, 23];

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('transposes: a %s, b %s', (transposeA, transposeB) => {
    const left = transposeA ? permute(a, [1, 0]) : a;
    const right = transposeB ? permute(b, [1, 0]) : b;
    expect([...matmul(left, right, { transposeA, transposeB }).data]).toEqual(product);
  });

  it('runs a batch, one factor shared or both batched', () => {
    const batch = ndArray([2, 2, 3], [...a.data, ...affine(a, 10, 0).data]);
    const both = [...product, ...product.map((value) => 10 * value)];
    expect([...matmul(batch, b).data]).toEqual(both);
    expect(matmul(batch, b).shape).toEqual([2, 2, 2]);
    const twice = ndArray([2, 3, 2], [...b.data, ...b.data]);
    expect([...matmul(batch, twice).data]).toEqual(both);
    expect([...matmul(a, twice, { scale: 2 }).data]).toEqual([...product, ...product].map((value) => 2 * value));
  });

  it('refuses what does not fit', () => {
    expect(() => matmul(a, a)).toThrow(ShapeError);
    expect(() => matmul(counting(2, 2, 3), counting(3, 3, 2))).toThrow(ShapeError);
    expect(() => matmul(a, vector(1, 2, 3))).toThrow(ShapeError);
  });
});

describe('rows and axes', () => {
  it('gathers rows, a zero row for id −1', () => {
    expect([...gatherRows(counting(3, 2), [2, -1, 0, 2]).data]).toEqual([4, 5, 0, 0, 0, 1, 4, 5]);
    expect(() => gatherRows(counting(3, 2), [3])).toThrow(InvalidArgumentError);
  });

  it('adds rows that meet at one id, leaving the table it was given', () => {
    const table = counting(3, 2);
    expect([...scatterAddRows(table, [1, -1, 1], ndArray([3, 2], [10, 20, 5, 5, 1, 2])).data]).toEqual([
      0, 1, 13, 25, 4, 5,
    ]);
    expect([...table.data]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('permutes', () => {
    const permuted = permute(counting(2, 3, 2), [2, 0, 1]);
    expect(permuted.shape).toEqual([2, 2, 3]);
    expect([...permuted.data]).toEqual([0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
    expect(() => permute(counting(2, 3), [0, 0])).toThrow(InvalidArgumentError);
  });
});

describe('norm and positions', () => {
  it('normalises and reports 1/rms', () => {
    const { out, inverseRms } = rmsNormForward(ndArray([1, 2], [3, 4]), vector(1, 2), 0);
    expect(inverseRms.data[0]).toBeCloseTo(1 / Math.sqrt(12.5), 15);
    expect(out.data[1]).toBeCloseTo(8 / Math.sqrt(12.5), 15);
  });

  it('rotates pairs (c, c + C/2)', () => {
    const quarter = ropeForward(ndArray([1, 1, 4], [1, 0, 0, 0]), [1], (2 / Math.PI) ** 2); // pair 1 turns by π/2
    expect(quarter.data[0]).toBeCloseTo(Math.cos(1), 15);
    expect(quarter.data[2]).toBeCloseTo(Math.sin(1), 15);
    const second = ropeForward(ndArray([1, 1, 4], [0, 1, 0, 0]), [1], (2 / Math.PI) ** 2);
    expect(second.data[3]).toBeCloseTo(1, 15);
    const back = ropeBackward(ropeForward(counting(2, 3, 4), [7, 33000], 10000), [7, 33000], 10000);
    for (const [i, value] of back.data.entries()) expect(value).toBeCloseTo(i, 10);
    expect(() => ropeForward(counting(1, 1, 3), [0], 10000)).toThrow(InvalidArgumentError);
  });

  it('gives the slopes of the paper, also for counts that are no power of two', () => {
    expect(alibiSlopes(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => 2 ** -i));
    expect(alibiSlopes(1)).toEqual([2 ** -8]);
    expect(alibiSlopes(6)).toEqual([2 ** -2, 2 ** -4, 2 ** -6, 2 ** -8, 2 ** -1, 2 ** -3]);
    expect(alibiSlopes(12).slice(8)).toEqual([0.5, 1.5, 2.5, 3.5].map((i) => 2 ** -i));
  });
});

describe('attention', () => {
  const inputs = {
    queries: ndArray([1, 1, 1], [2]),
    positions: [5],
    keys: ndArray([3, 1, 1], [1, -1, 4]),
    values: ndArray([3, 1, 1], [10, 20, 1000]),
    firstPosition: 4,
    slopes: [1],
  };

  it('follows its formula by hand', () => {
    const { out, max, sum: total } = attentionForward(inputs); // scores 2 − 1 and −2 − 0; the third key is unseen
    expect(max.data[0]).toBe(1);
    expect(total.data[0]).toBeCloseTo(1 + Math.exp(-3), 15);
    expect(out.data[0]).toBeCloseTo((10 + 20 * Math.exp(-3)) / (1 + Math.exp(-3)), 14);
    expect([...attentionWeights(inputs, 0).data]).toEqual([
      expect.closeTo(1 / (1 + Math.exp(-3)), 15),
      expect.closeTo(Math.exp(-3) / (1 + Math.exp(-3)), 15),
      0,
    ]);
  });

  it('sees nothing before the first key, and nothing merges with nothing', () => {
    const blind = attentionForward({ ...inputs, positions: [3] });
    for (const result of [blind, mergeAttention([blind, blind])]) {
      expect([result.out.data[0], result.max.data[0], result.sum.data[0]]).toEqual([0, lowestFloat32, 0]);
    }
  });

  it('refuses heads that cannot be grouped, and a merge of no parts', () => {
    const keys = counting(2, 2, 1);
    expect(() => attentionForward({ queries: counting(1, 3, 1), positions: [1], keys, values: keys })).toThrow(
      ShapeError,
    );
    expect(() => mergeAttention([])).toThrow(InvalidArgumentError);
  });
});

describe('loss and optimizer', () => {
  it('is log V for equal logits, and exact for large ones', () => {
    const { nll } = crossEntropyForward(ndArray([2, 4], [3, 3, 3, 3, 1000, 0, 0, 990]), [1, 3]);
    expect(nll.data[0]).toBeCloseTo(Math.log(4), 14);
    expect(nll.data[1]).toBeCloseTo(10 + Math.log1p(Math.exp(-10)), 12);
    expect(() => crossEntropyForward(counting(1, 4), [4])).toThrow(TokenOutOfRangeError);
  });

  it('takes a first step of lr · sign(g), then decays', () => {
    const options = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 0, weightDecay: 0.5, step: 1 };
    const start = { parameter: vector(2), firstMoment: vector(0), secondMoment: vector(0) };
    const first = adamwStep(start, vector(-3), options);
    expect(first.parameter.data[0]).toBeCloseTo(2 + 0.1 - 0.1 * 0.5 * 2, 14);
    expect(first.firstMoment.data[0]).toBeCloseTo(-0.3, 14);
    expect(first.secondMoment.data[0]).toBeCloseTo(0.09, 14);
    const second = adamwStep(first, vector(1), { ...options, step: 2 });
    const m = (0.9 * -0.3 + 0.1) / (1 - 0.81);
    const v = (0.99 * 0.09 + 0.01) / (1 - 0.99 ** 2);
    expect(second.parameter.data[0]).toBeCloseTo(2 - 0.1 * (m / Math.sqrt(v) + 0.5 * 2), 14);
  });
});
