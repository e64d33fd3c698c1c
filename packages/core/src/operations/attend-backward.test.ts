import { describe, expect, it } from 'vitest';
import { type Device, onDevice } from '../../test/device.ts';
import { dot, expectClose, numericalGradient } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { referenceAttention } from '../../test/reference-attention.ts';
import { ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { denseContext, EagerOperations } from './eager-operations.ts';

const [heads, kvHeads, headDim] = [4, 2, 2];
const scale = 0.9;
const slopes = [0.3, 0.1, 0.05, 0.01];

function setUp(length: number, positions: readonly number[], firstPosition: number) {
  const random = seededRandom(50 + length);
  return {
    heads,
    kvHeads,
    headDim,
    scale,
    positions,
    firstPosition,
    queries: random.normals(positions.length * heads * headDim, 2),
    keys: random.normals(length * kvHeads * headDim),
    values: random.normals(length * kvHeads * headDim),
    gradOut: random.normals(positions.length * heads * headDim),
  };
}

function backward(device: Device, data: ReturnType<typeof setUp>, slopeNumbers: readonly number[] | null) {
  const { operations, tensor, index } = device;
  const queries = tensor(data.queries, [data.positions.length, heads, headDim]);
  const entries = data.keys.length / (kvHeads * headDim);
  const keys = tensor(data.keys, [entries, kvHeads, headDim]);
  const values = tensor(data.values, [entries, kvHeads, headDim]);
  const positions = index(data.positions);
  const options = { scale, slopes: slopeNumbers && tensor(slopeNumbers, [heads]) };
  const state = operations.attend(queries, positions, denseContext(keys, values, data.firstPosition), options);
  const inputs = {
    ...{ queries, positions, keys, values, firstPosition: data.firstPosition, out: state.out },
    logSumExp: operations.logSumExp(state),
    gradOut: tensor(data.gradOut, queries.shape),
  };
  const gradients = operations.attendBackward(inputs, options);
  return [gradients.queries, gradients.keys, gradients.values];
}

describe.each([
  ['without slopes', null],
  ['with slopes', slopes],
])('attendBackward %s', (_, slopeNumbers) => {
  it.each([
    ['few keys', 5, [4, 2, 0], 0],
    ['keys from a position on', 4, [12, 11, 10], 10],
    ['queries that see nothing', 4, [12, 3, 9], 10],
    ['keys that nothing sees', 9, [3, 1], 0],
  ] as const)('is the gradient of attention: %s', async (_name, length, positions, firstPosition) => {
    const data = setUp(length, positions, firstPosition);
    const [gradQueries, gradKeys, gradValues] = await onDevice((device) => backward(device, data, slopeNumbers));
    const byPart = (part: 'queries' | 'keys' | 'values') =>
      numericalGradient((x) => {
        const { out } = referenceAttention({ ...data, slopes: slopeNumbers, [part]: x });
        return dot(out, data.gradOut);
      }, data[part]);
    expectClose(gradQueries as Float32Array, byPart('queries'), { relative: 2e-6, absolute: 1e-6 });
    expectClose(gradKeys as Float32Array, byPart('keys'), { relative: 2e-6, absolute: 1e-6 });
    expectClose(gradValues as Float32Array, byPart('values'), { relative: 2e-6, absolute: 1e-6 });
  });
});

it('gives the same in blocks as at once: the gradient of 300 keys at those seen', async () => {
  const [whole, start] = [setUp(300, [299, 280, 12], 0), setUp(300, [12], 0)];
  const data = { ...whole, queries: start.queries, gradOut: start.gradOut, positions: [12] };
  const few = { ...data, keys: data.keys.slice(0, 13 * 4), values: data.values.slice(0, 13 * 4) };
  const [, keys] = await onDevice((device) => backward(device, data, null));
  const [, fewKeys] = await onDevice((device) => backward(device, few, null));
  expectClose((keys as Float32Array).slice(0, 13 * 4), fewKeys as Float32Array);
  expect((keys as Float32Array).slice(13 * 4)).toEqual(new Float32Array(287 * 4));
});

it('crosses blocks: the gradient of values is Pᵀ dO', async () => {
  const data = setUp(300, [299, 280], 0);
  const [, , gradValues] = await onDevice((device) => backward(device, data, slopes));
  // dot(out, dO) is linear in the values, so its gradient is exact from unit differences.
  const loss = (values: ArrayLike<number>) => dot(referenceAttention({ ...data, values, slopes }).out, data.gradOut);
  const base = loss(data.values);
  for (const at of [0, 255 * 4, 256 * 4 + 1, 299 * 4 + 3]) {
    const moved = Float64Array.from(data.values);
    moved[at] = (moved[at] as number) + 1;
    expectClose([gradValues?.[at] as number], [loss(moved) - base], { absolute: 1e-6 });
  }
});

it('gives many queries what they give in parts', async () => {
  const positions = Array.from({ length: 150 }, (_, t) => 2 * t);
  const whole = setUp(300, positions, 0);
  const width = heads * headDim;
  const part = (from: number, to: number) => ({
    ...whole,
    positions: positions.slice(from, to),
    queries: whole.queries.slice(from * width, to * width),
    gradOut: whole.gradOut.slice(from * width, to * width),
  });
  const [queries, keys, values] = await onDevice((device) => backward(device, whole, slopes));
  const first = await onDevice((device) => backward(device, part(0, 50), slopes));
  const last = await onDevice((device) => backward(device, part(50, 150), slopes));
  const sum = (a?: Float32Array, b?: Float32Array) => a?.map((x, i) => x + (b?.[i] as number)) as Float32Array;
  expectClose(queries?.slice(0, 50 * width) as Float32Array, first[0] as Float32Array);
  expectClose(queries?.slice(50 * width) as Float32Array, last[0] as Float32Array);
  expectClose(keys as Float32Array, sum(first[1], last[1]), { relative: 1e-5 });
  expectClose(values as Float32Array, sum(first[2], last[2]), { relative: 1e-5 });
});

it('needs scratch that grows neither with keys nor with queries', () => {
  const scratch = (rows: number, entries: number) => {
    const backend = createHostBackend();
    const operations = new EagerOperations(backend);
    const zeros = (...shape: number[]) => operations.zeros(shape);
    const [queries, keys] = [zeros(rows, heads, headDim), zeros(entries, kvHeads, headDim)];
    const positions = operations.index(Array(rows).fill(entries));
    const inputs = { queries, positions, keys, values: keys, firstPosition: 0, out: queries, gradOut: queries };
    const logSumExp = zeros(rows, heads);
    const before = backend.ledger.snapshot().liveTotal;
    backend.ledger.resetPeak();
    operations.attendBackward({ ...inputs, logSumExp }, { scale, slopes: null });
    return backend.ledger.snapshot().peakLive - before - 4 * (queries.size + 2 * keys.size);
  };
  expect(scratch(64, 2048)).toBe(scratch(64, 512));
  expect(scratch(256, 512)).toBe(scratch(64, 512));
});

it('refuses what does not fit the queries', () => {
  const operations = new EagerOperations(createHostBackend());
  const zeros = (...shape: number[]) => operations.zeros(shape);
  const inputs = {
    ...{ queries: zeros(2, 4, 2), keys: zeros(5, 2, 2), values: zeros(5, 2, 2), firstPosition: 0 },
    ...{ out: zeros(2, 4, 2), gradOut: zeros(2, 4, 2), logSumExp: zeros(2, 4), positions: operations.index([3, 4]) },
  };
  const call = (changes: Partial<typeof inputs>) => () =>
    operations.attendBackward({ ...inputs, ...changes }, { scale, slopes: null });
  expect(call({})).not.toThrow();
  expect(call({ values: zeros(4, 2, 2) })).toThrow(/attendBackward: the values/);
  expect(call({ keys: zeros(5, 3, 2), values: zeros(5, 3, 2) })).toThrow(ShapeError);
  expect(call({ gradOut: zeros(2, 4, 3) })).toThrow(/the gradient has the wrong shape/);
  expect(call({ logSumExp: zeros(2) })).toThrow(ShapeError);
});
