import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Device, onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { referenceAttention } from '../../test/reference-attention.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { denseContext, EagerOperations } from './eager-operations.ts';

const [heads, kvHeads, headDim, length] = [2, 1, 4, 60];
const random = seededRandom(40);
const positions = [59, 30, 5];
const queries = random.normals(positions.length * heads * headDim, 3);
const keys = random.normals(length * kvHeads * headDim);
const values = random.normals(length * kvHeads * headDim);
const scale = 0.5;

function part(device: Device, from: number, to: number) {
  const shape = [length, kvHeads, headDim];
  const view = denseContext(device.tensor(keys, shape), device.tensor(values, shape), 0);
  const input = device.tensor(queries, [positions.length, heads, headDim]);
  return device.operations.attend(input, device.index(positions), view, { scale, slopes: null, from, to });
}

// Parts in any order, of any size, empty ones and ones no query sees included.
it.each([
  [[[0, 60]]],
  [
    [
      [0, 31],
      [31, 60],
    ],
  ],
  [
    [
      [31, 60],
      [0, 31],
    ],
  ],
  [
    [
      [0, 1],
      [1, 2],
      [2, 60],
    ],
  ],
  [
    [
      [7, 7],
      [0, 60],
      [60, 60],
    ],
  ],
  [
    [
      [40, 60],
      [20, 40],
      [10, 20],
      [0, 10],
    ],
  ],
] as number[][][][])('parts %j merge to the whole', async (ranges) => {
  const results = await onDevice((device) => {
    const states = ranges.map(([from, to]) => part(device, from as number, to as number));
    const merged = device.operations.mergeAttention(states);
    expect(states.some((state) => Object.values(state).includes(merged.out))).toBe(false);
    return [merged.out, merged.max, merged.sum, device.operations.logSumExp(merged)];
  });
  const whole = { queries, positions, keys, values, heads, kvHeads, headDim, firstPosition: 0, scale, slopes: null };
  const { out, max, sum } = referenceAttention(whole);
  const logSumExp = max.map((top, i) => top + Math.log(sum[i] as number));
  for (const [i, expected] of [out, max, sum, logSumExp].entries()) {
    expectClose(results[i] as Float32Array, expected, { relative: 2e-6 });
  }
});

it('merges exactly with parts that nothing is seen of: not a bit changes', async () => {
  const results = await onDevice((device) => {
    const all = part(device, 0, 6);
    const nothing = part(device, 60, 60);
    const merged = device.operations.mergeAttention([nothing, nothing]);
    const { max } = device.operations.mergeAttention([all, nothing]);
    return [all.max, max, merged.out, merged.max, merged.sum, nothing.max];
  });
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(new Float32Array(positions.length * heads * headDim));
  expect(results[3]).toEqual(results[5]);
  expect(results[4]).toEqual(new Float32Array(positions.length * heads));
});

it('refuses no parts and parts of other queries', () => {
  const operations = new EagerOperations(createHostBackend());
  const state = (...shape: number[]) => ({
    out: operations.zeros(shape),
    max: operations.zeros(shape.slice(0, 2)),
    sum: operations.zeros(shape.slice(0, 2)),
  });
  expect(() => operations.mergeAttention([])).toThrow(InvalidArgumentError);
  expect(() => operations.mergeAttention([state(2, 2, 4), state(2, 2, 3)])).toThrow(ShapeError);
  expect(() => operations.logSumExp({ ...state(2, 2, 4), sum: operations.zeros([2]) })).toThrow(/logSumExp: the sum/);
});

it('merges whatever the shapes, the positions and the cuts', async () => {
  const shapes = fc.record({
    seed: fc.integer(),
    queries: fc.integer({ min: 1, max: 4 }),
    kvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 3 }),
    headDim: fc.integer({ min: 1, max: 5 }),
    length: fc.integer({ min: 1, max: 40 }),
    firstPosition: fc.integer({ min: 0, max: 9 }),
    cuts: fc.array(fc.nat({ max: 40 }), { maxLength: 4 }),
    sloped: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(shapes, async ({ seed, queries: count, kvHeads: groups, group, headDim: size, ...rest }) => {
      const own = seededRandom(seed);
      const allHeads = groups * group;
      const data = {
        queries: own.normals(count * allHeads * size, 2),
        keys: own.normals(rest.length * groups * size),
        values: own.normals(rest.length * groups * size),
        positions: own.integers(count, 0, rest.firstPosition + rest.length + 3),
        slopes: rest.sloped ? own.normals(allHeads).map(Math.abs) : null,
        ...{ heads: allHeads, kvHeads: groups, headDim: size, firstPosition: rest.firstPosition, scale: 0.7 },
      };
      const edges = [0, ...rest.cuts.map((cut) => Math.min(cut, rest.length)).sort((a, b) => a - b), rest.length];
      const results = await onDevice((device) => {
        const shape = [rest.length, groups, size];
        const view = denseContext(
          device.tensor(data.keys, shape),
          device.tensor(data.values, shape),
          rest.firstPosition,
        );
        const input = device.tensor(data.queries, [count, allHeads, size]);
        const slopes = data.slopes && device.tensor(data.slopes, [allHeads]);
        const states = edges.slice(1).map((to, i) => {
          const range = { from: edges[i] as number, to };
          return device.operations.attend(input, device.index(data.positions), view, { scale: 0.7, slopes, ...range });
        });
        return Object.values(device.operations.mergeAttention(states));
      });
      const { out, max, sum } = referenceAttention(data);
      for (const [i, expected] of [out, max, sum].entries()) {
        expectClose(results[i] as Float32Array, expected, { relative: 4e-6 });
      }
    }),
    { numRuns: 200 },
  );
});
