import { expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';
import { RowGroups } from './row-groups.ts';

const [count, width] = [6, 3];
const table = Float32Array.from({ length: count * width }, (_, i) => i);
const row = (id: number) => (id < 0 ? [0, 0, 0] : [...table.subarray(id * width, id * width + width)]);
const ids = [5, 0, -1, 3, 3];

it('embeds ids as rows of a table, −1 as zeros', async () => {
  const results = await onDevice(({ operations, tensor, half, index }) => {
    const deep = operations.embed(tensor(table, [count, 1, width]), index(ids));
    expect(deep.shape).toEqual([ids.length, 1, width]);
    const flat = operations.embed(tensor(table, [count * width]), index([17, -1]));
    expect(flat.shape).toEqual([2]);
    const matrix = tensor(table, [count, width]);
    return [
      operations.embed(matrix, index(ids)),
      deep,
      operations.embed(half(table, [count, width]), index(ids)),
      flat,
    ];
  });
  const expected = Float32Array.from(ids.flatMap(row));
  expect(results).toEqual([expected, expected, expected, Float32Array.of(17, 0)]);
});

it('gathers from pages, the last one shorter', async () => {
  const [got] = await onDevice(({ operations, tensor, index }) => {
    const pages = [tensor(table.subarray(0, 12), [4, width]), tensor(table.subarray(12), [2, width])];
    return operations.gatherRows(pages, 4, index(ids).tensor);
  });
  expect(got).toEqual(Float32Array.from(ids.flatMap(row)));
});

it('adds rows back by id: each sum in the order of positions, −1 nowhere', async () => {
  const random = seededRandom(7);
  const many = random.integers(50, -1, 5);
  const source = random.normals(50 * width);
  const [got, again] = await onDevice(({ operations, tensor, index }) => {
    const add = () => operations.scatterAddRows(index(many), tensor(source, [50, width]), 7);
    return [add(), add()];
  });
  const expected = new Float64Array(7 * width);
  many.forEach((id, position) => {
    if (id < 0) return;
    for (let k = 0; k < width; k += 1) {
      expected[id * width + k] = (expected[id * width + k] as number) + (source[position * width + k] as number);
    }
  });
  expectClose(got as Float32Array, expected);
  expect(again).toEqual(got);
});

it('adds rows to a table in place', async () => {
  const [got] = await onDevice(({ operations, tensor, index }) => {
    const into = tensor([1, 1, 2, 2, 3, 3], [3, 2]);
    operations.addRows(into, index([2, -1, 2]), tensor([10, 20, 5, 5, 1, 2], [3, 2]));
    operations.addRows(into, index([]), tensor([], [0, 2]));
    return into;
  });
  expect(got).toEqual(Float32Array.of(1, 1, 2, 2, 14, 25));
});

it('adds rows that were sorted once, a source row to several rows', async () => {
  const [got] = await onDevice(({ backend, operations, tensor }) => {
    const into = tensor([1, 1, 2, 2, 3, 3], [3, 2]);
    using groups = new RowGroups(backend, [Int32Array.of(2, -1, 2), Int32Array.of(0, 1, -1)]);
    operations.addGroupedRows(into, groups, tensor([10, 20, 5, 5, 1, 2], [3, 2]));
    operations.addGroupedRows(into, groups, tensor([1, 0, 1, 0, 1, 0], [3, 2]));
    return into;
  });
  expect(got).toEqual(Float32Array.of(12, 21, 8, 7, 16, 25));
});

it('refuses groups that do not fit', () => {
  const backend = createHostBackend();
  const operations = new EagerOperations(backend);
  const before = backend.ledger.snapshot().liveTotal;
  expect(() => new RowGroups(backend, [Int32Array.of(0, 1), Int32Array.of(0)])).toThrow(ShapeError);
  expect(() => new RowGroups(backend, [Int32Array.of(0, -2)])).toThrow(InvalidArgumentError);
  expect(backend.ledger.snapshot().liveTotal).toBe(before);
  using groups = new RowGroups(backend, [Int32Array.of(0, 3)]);
  const [table, source] = [operations.zeros([3, 2]), operations.zeros([2, 2])];
  expect(() => operations.addGroupedRows(table, groups, source)).toThrow(/does not have. Got: row 3/);
  expect(() => operations.addGroupedRows(operations.zeros([4, 3]), groups, source)).toThrow(ShapeError);
  expect(() => operations.addGroupedRows(operations.zeros([4, 2]), groups, table)).toThrow(ShapeError);
});

it.each([[[]], [[-1, -1]]])('adds nothing for ids %j', async (nothing) => {
  const [got] = await onDevice(({ operations, tensor, index }) =>
    operations.scatterAddRows(index(nothing), tensor(new Float32Array(nothing.length * 2), [nothing.length, 2]), 3),
  );
  expect(got).toEqual(new Float32Array(6));
});

it('embeds no ids, and from tables without columns', async () => {
  const [none, thin] = await onDevice(({ operations, tensor, index }) => [
    operations.embed(tensor(table, [count, width]), index([])),
    operations.embed(tensor([], [4, 0]), index([1])),
  ]);
  expect([none, thin]).toEqual([new Float32Array(0), new Float32Array(0)]);
});

it.each([6, -2])('refuses id %i of a table of six rows, before anything is allocated', (wrong) => {
  const backend = createHostBackend();
  const operations = new EagerOperations(backend);
  const [rows, source, index] = [operations.zeros([6, 2]), operations.zeros([2, 2]), operations.index([0, wrong])];
  backend.ledger.resetPeak();
  const before = backend.ledger.snapshot();
  expect(() => operations.embed(rows, index)).toThrow(InvalidArgumentError);
  expect(() => operations.embed(rows, index)).toThrow(
    new RegExp(`place 1 names no row. Got: ${wrong}. Expected: −1 … 5`),
  );
  expect(() => operations.scatterAddRows(index, source, 6)).toThrow(InvalidArgumentError);
  expect(backend.ledger.snapshot()).toEqual(before);
});

it('refuses tables and pages that do not fit', () => {
  const operations = new EagerOperations(createHostBackend());
  const two = operations.index([0, 1]);
  const [wide, narrow] = [operations.zeros([4, 3]), operations.zeros([4, 2])];
  expect(() => operations.embed(operations.zeros([]), two)).toThrow(ShapeError);
  expect(() => operations.embed(two.tensor, two)).toThrow(DTypeError);
  expect(() => operations.gatherRows([], 4, two.tensor)).toThrow(/at least one page/);
  expect(() => operations.gatherRows([wide, narrow], 4, two.tensor)).toThrow(ShapeError);
  expect(() => operations.gatherRows([wide, operations.cast(wide, 'f16')], 4, two.tensor)).toThrow(/differ in dtype/);
  expect(() => operations.gatherRows([wide], 0, two.tensor)).toThrow(InvalidArgumentError);
  expect(() => operations.gatherRows([wide], 4, wide)).toThrow(/the ids must be i32/);
  expect(() => operations.scatterAddRows(two, operations.zeros([3, 2]), 4)).toThrow(ShapeError);
  expect(() => operations.addRows(wide, two, narrow)).toThrow(ShapeError);
  expect(() => operations.addRows(wide, two, operations.zeros([2, 2]))).toThrow(/addRows: the table/);
  expect(() => operations.addRows(wide, operations.index([0, 4]), operations.zeros([2, 3]))).toThrow(
    /place 1 names no row/,
  );
});
