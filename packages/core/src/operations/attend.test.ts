import { describe, expect, it } from 'vitest';
import { type Device, onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { referenceAttention } from '../../test/reference-attention.ts';
import { denseReference, makeViewData, uploadView, type ViewKind, viewKinds } from '../../test/views.ts';
import type { ContextView } from '../backend/context-view.ts';
import { DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { type AttendOptions, tileQueries } from './attend.ts';
import { lowestFloat } from './attention-state.ts';
import { denseContext, EagerOperations } from './eager-operations.ts';

const [heads, kvHeads, headDim] = [4, 2, 4];
const scale = 1.5 / Math.sqrt(headDim); // above 1/√C, so that the softmax is peaked
const slopes = [0.5, 0.25, 0.125, 0.0625];
const closeness = { relative: 2e-6 };

function setUp(kind: ViewKind, length: number, positions: readonly number[]) {
  const random = seededRandom(30);
  const sizes = { length, kvHeads, headDim, pageLength: 64, rowsPerPage: 48 };
  const data = makeViewData(kind, sizes, random);
  const queries = random.normals(positions.length * heads * headDim, 2);
  const { firstPosition } = kind;
  const reference = { queries, positions, ...denseReference(data), heads, kvHeads, headDim, firstPosition, scale };
  const attend = (device: Device, options: Partial<AttendOptions> = {}) => {
    const input = device.tensor(queries, [positions.length, heads, headDim]);
    const all = { scale, slopes: null, ...options };
    return device.operations.attend(input, device.index(positions), uploadView(device, data), all);
  };
  return { reference, attend, data };
}

describe.each(viewKinds)('attend to $name', (kind) => {
  const first = kind.firstPosition;

  // One block and less; at the edge of a block; beyond it.
  it.each([1, 37, 255, 256, 257, 300])('of %i entries', async (length) => {
    const positions = [first + length - 1, first + Math.floor(length / 2), first, first + length + 5];
    const { reference, attend } = setUp(kind, length, positions);
    const [out, max, sum] = await onDevice((device) => {
      const state = attend(device);
      expect(state.out.shape).toEqual([positions.length, heads, headDim]);
      expect(state.max.shape).toEqual([positions.length, heads]);
      return [state.out, state.max, state.sum];
    });
    const expected = referenceAttention({ ...reference, slopes: null });
    expectClose(out as Float32Array, expected.out, closeness);
    expectClose(max as Float32Array, expected.max, closeness);
    expectClose(sum as Float32Array, expected.sum, { relative: 1e-5 });
  });

  it('with slopes, over a part, folded into an earlier state', async () => {
    const positions = [first + 299, first + 100];
    const { reference, attend } = setUp(kind, 300, positions);
    const [part, out, max, sum] = await onDevice((device) => {
      const slopeTensor = device.tensor(slopes, [heads]);
      const state = attend(device, { slopes: slopeTensor, from: 10, to: 70 });
      const before = device.operations.copy(state.out);
      const folded = attend(device, { slopes: slopeTensor, from: 70, to: 290, into: state });
      expect(folded).toBe(state);
      return [before, state.out, state.max, state.sum];
    });
    const early = referenceAttention({ ...reference, slopes, from: 10, to: 70 });
    const both = referenceAttention({ ...reference, slopes, from: 10, to: 290 });
    expectClose(part as Float32Array, early.out, closeness);
    expectClose(out as Float32Array, both.out, closeness);
    expectClose(max as Float32Array, both.max, closeness);
    expectClose(sum as Float32Array, both.sum, { relative: 1e-5 });
    // The test can tell the two apart.
    expect(Math.max(...both.out.map((x, i) => Math.abs(x - (early.out[i] as number))))).toBeGreaterThan(0.01);
  });
});

const cache = viewKinds[2] as ViewKind; // begins at position 40

it('gives the lowest float, 0 and 0 where nothing is visible, exactly', async () => {
  const { attend } = setUp(cache, 300, [39, 0, 45, -7]);
  const [before, out, max, sum, logSumExp] = await onDevice((device) => {
    const state = attend(device);
    const copy = device.operations.copy(state.out);
    attend(device, { from: 100, to: 200, into: state }); // beyond every query
    return [copy, state.out, state.max, state.sum, device.operations.logSumExp(state)];
  });
  expect(out).toEqual(before);
  const rowOf = (numbers: Float32Array | undefined, t: number, size: number) =>
    numbers?.slice(t * size, (t + 1) * size);
  for (const t of [0, 1, 3]) {
    expect(rowOf(out, t, heads * headDim)).toEqual(new Float32Array(heads * headDim));
    expect(rowOf(max, t, heads)).toEqual(new Float32Array(heads).fill(lowestFloat));
    expect(rowOf(sum, t, heads)).toEqual(new Float32Array(heads));
    expect(rowOf(logSumExp, t, heads)).toEqual(new Float32Array(heads).fill(lowestFloat));
  }
  expect(rowOf(sum, 2, heads)?.every((total) => total >= 1)).toBe(true);
});

it('gives the empty state for empty ranges and views, and leaves a state it is folded into alone', async () => {
  const { attend } = setUp(cache, 20, [45]);
  const results = await onDevice((device) => {
    const empty = attend(device, { from: 5, to: 5 });
    const nothing = setUp(cache, 0, [45]).attend(device);
    const state = attend(device);
    const before = device.operations.copy(state.out);
    attend(device, { from: 5, to: 5, into: state });
    return [empty.out, empty.max, empty.sum, nothing.max, before, state.out];
  });
  expect(results[0]).toEqual(new Float32Array(heads * headDim));
  expect(results[1]).toEqual(new Float32Array(heads).fill(lowestFloat));
  expect(results[2]).toEqual(new Float32Array(heads));
  expect(results[3]).toEqual(results[1]);
  expect(results[5]).toEqual(results[4]);
});

it('takes no queries', async () => {
  const { attend } = setUp(cache, 20, []);
  const results = await onDevice((device) => Object.values(attend(device)));
  expect(results).toEqual(Array(3).fill(new Float32Array(0)));
});

describe('needs scratch that grows', () => {
  /** Peak of what `attend` makes besides its result, without fused attention. */
  const scratch = (queryCount: number, length: number, kind = cache) => {
    const backend = createHostBackend();
    const operations = new EagerOperations(backend);
    const device: Device = {
      backend,
      operations,
      tensor: (data, shape) => operations.upload(Float32Array.from(data), shape),
      half: (data, shape) => operations.cast(operations.upload(Float32Array.from(data), shape), 'f16'),
      index: (values) => operations.index(values),
    };
    const data = makeViewData(kind, { length, kvHeads, headDim, pageLength: 64, rowsPerPage: 48 }, seededRandom(1));
    const view = uploadView(device, data);
    const queries = operations.zeros([queryCount, heads, headDim]);
    const positions = operations.index(Array(queryCount).fill(kind.firstPosition + length));
    const before = backend.ledger.snapshot().liveTotal;
    backend.ledger.resetPeak();
    const { out, max, sum } = operations.attend(queries, positions, view, { scale, slopes: null });
    return backend.ledger.snapshot().peakLive - before - 4 * (out.size + max.size + sum.size);
  };

  const ends = [viewKinds[0] as ViewKind, viewKinds.at(-1) as ViewKind]; // the plainest, and everything at once
  it.each(ends)('neither with the context nor with the queries: $name', (kind) => {
    expect(scratch(64, 8192, kind)).toBe(scratch(64, 1024, kind));
    expect(scratch(512, 1024, kind)).toBe(scratch(64, 1024, kind));
    expect(scratch(tileQueries, 1024, kind)).toBeGreaterThan(scratch(1, 1024, kind));
  });
});

it('gives many queries what each would get alone', async () => {
  const positions = Array.from({ length: 150 }, (_, t) => 40 + ((t * 37) % 310));
  const { reference, attend } = setUp(cache, 300, positions);
  const [out, sum] = await onDevice((device) => {
    const state = attend(device, { from: 20, to: 290 });
    return [state.out, state.sum];
  });
  const expected = referenceAttention({ ...reference, slopes: null, from: 20, to: 290 });
  expectClose(out as Float32Array, expected.out, closeness);
  expectClose(sum as Float32Array, expected.sum, { relative: 1e-5 });
});

describe('refuses', () => {
  const operations = new EagerOperations(createHostBackend());
  const zeros = (...shape: number[]) => operations.zeros(shape);
  const keys = zeros(6, 2, 4);
  const view = denseContext(keys, keys, 0);
  const attend = (changes: Partial<ContextView>, options: Partial<AttendOptions> = {}, queries = zeros(2, 4, 4)) =>
    operations.attend(queries, operations.index([4, 5]), { ...view, ...changes }, { scale, slopes: null, ...options });

  it.each([
    ['queries of another head size', () => attend({}, {}, zeros(2, 4, 3)), ShapeError],
    ['more queries than positions', () => attend({}, {}, zeros(3, 4, 4)), ShapeError],
    ['heads that are no multiple', () => attend({}, {}, zeros(2, 3, 4)), /multiple of key heads.*over 2 key heads/],
    ['slopes of another length', () => attend({}, { slopes: zeros(2) }), ShapeError],
    ['a range beyond the view', () => attend({}, { to: 7 }), /Got: 0 … 7. Expected: within 0 … 6/],
    ['a state of other queries', () => attend({}, { into: attend({}, {}, zeros(2, 2, 4)) }), ShapeError],
    ['a state of another backend', () => attend({}, { into: foreignState() }), /another backend/],
    ['a fractional length', () => attend({ length: 2.5 }), InvalidArgumentError],
    ['no window', () => attend({ window: 0 }), /whose window is impossible/],
    ['too few rows', () => attend({ length: 7 }), /do not cover the context.*room for 6. Expected: 7/],
    ['too few rows for the window', () => attend({ window: 2 }), ShapeError],
    ['rows of another shape', () => attend({ kvHeads: 1 }), /a page of rows has the wrong shape/],
    ['a short index', () => attend({ index: [] }), /the index: the pages do not cover/],
    ['an index of floats', () => attend({ index: [zeros(6)] }), DTypeError],
    ['a scale of integers', () => attend({ scale: [operations.index([0, 1, 2, 3, 4, 5]).tensor] }), DTypeError],
    ['too few position rows', () => attend({ positionRows: { pages: [], rowsPerPage: 4 } }), /position rows/],
    ['integer rows', () => attend({ rows: { pages: [integerPage()], rowsPerPage: 6 } }), /rows are of a dtype/],
  ])('%s', (_, call, error) => {
    expect(call).toThrow(error);
  });

  function integerPage() {
    const page = operations.full([6, 2, 4], 1, 'i32');
    return { keys: page, values: page };
  }

  function foreignState() {
    const other = new EagerOperations(createHostBackend());
    return { out: other.zeros([2, 4, 4]), max: other.zeros([2, 4]), sum: other.zeros([2, 4]) };
  }
});
