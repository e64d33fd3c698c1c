/** Attention over contexts of their own: what `attend` gives for each, composed or fused. */

import { expect, it } from 'vitest';
import { seededRandom } from '../../test/random.ts';
import type { AttendEachArguments } from '../backend/fused.ts';
import { ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { denseContext, EagerOperations } from './eager-operations.ts';

const [heads, kvHeads, headDim] = [4, 2, 4];
const lengths = [3, 40, 1, 17];

function inputs(operations: EagerOperations) {
  const random = seededRandom(11);
  const views = lengths.map((length) => {
    const rows = () => operations.upload(random.normals(length * kvHeads * headDim), [length, kvHeads, headDim]);
    return denseContext(rows(), rows(), 0);
  });
  const queries = operations.upload(random.normals(lengths.length * heads * headDim), [lengths.length, heads, headDim]);
  const positions = operations.index([2, 11, 0, 16]);
  return { views, queries, positions, slopes: operations.upload(Float32Array.of(0.1, 0.2, 0, 0.3), [heads]) };
}

it('gives each query its own context, and leaves nothing behind', async () => {
  const operations = new EagerOperations(createHostBackend());
  const { views, queries, positions, slopes } = inputs(operations);
  const before = operations.backend.ledger.snapshot().liveTotal;
  using out = operations.attendEach(queries, positions, views, { scale: 0.5, slopes });
  const got = await out.readFloat32();
  expect(operations.backend.ledger.snapshot().liveTotal).toBe(before + out.size * 4);
  for (const [place, view] of views.entries()) {
    using query = queries.slice(place, 1);
    using position = operations.index([positions.values[place] as number]);
    const alone = operations.attend(query, position, view, { scale: 0.5, slopes });
    const width = heads * headDim;
    expect(got.subarray(place * width, (place + 1) * width)).toEqual(await alone.out.readFloat32());
  }
});

it('asks a backend that can do it at once', async () => {
  const host = createHostBackend();
  const calls: AttendEachArguments[] = [];
  const attendEach = (args: AttendEachArguments) => {
    calls.push(args);
    host.primitives.fill({ out: args.out, value: 7 });
  };
  const operations = new EagerOperations({ ...host, fused: { ...host.fused, attendEach } });
  const { views, queries, positions, slopes } = inputs(operations);
  using out = operations.attendEach(queries, positions, views, { scale: 0.5, slopes });
  expect(new Set(await out.readFloat32())).toEqual(new Set([7]));
  expect(calls).toEqual([{ queries, positions: positions.tensor, contexts: views, slopes, scale: 0.5, out }]);
});

it('refuses what does not fit', () => {
  const operations = new EagerOperations(createHostBackend());
  const { views, queries, positions } = inputs(operations);
  const options = { scale: 1, slopes: null };
  expect(() => operations.attendEach(queries, positions, views.slice(1), options)).toThrow(ShapeError);
  const other = denseContext(operations.zeros([2, 4, headDim]), operations.zeros([2, 4, headDim]), 0);
  expect(() => operations.attendEach(queries, positions, [...views.slice(1), other], options)).toThrow(/key heads/);
});
