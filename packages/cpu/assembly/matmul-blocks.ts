/**
 * Products with q4_1 and q8_0 weights, stored [columns, inner]: out (+)= scale · A · Bᵀ in integers, A rounded to 16 bits
 * first (activation-blocks.ts). Some hundred rows at a time are rounded, then threads take ranges of columns, four by four.
 */

import { activationBytes, blockLength, roundActivations } from './activation-blocks';
import { fourDotsQ41, fourDotsQ80, unpackedBytes, unpackedDots, unpackFour } from './block-dots';
import { argument, floatArgument, pass, passFloat, runTasks, threadCount, threadIndex } from './threads';
import { storageQ41, weightBlockBytes } from './weight-blocks';

/** From so many rows on, weights are unpacked for all of them. */
const fewestUnpacked: i32 = 4;
/** Rows that pass by unpacked weights while these stay in the first-level cache, and they in the second. */
const rowTile: i32 = 64;
/** Rows that are rounded together, at most. */
const rowBatch: i32 = 512;
/** Multiply-adds that are worth a task of their own. */
const taskWork: f64 = 262144;

/** Bytes of scratch in all: the rounded rows, and four unpacked rows of weights for each thread. */
export function matmulBlocksScratchBytes(rows: i32, inner: i32): i32 {
  const blocks = <usize>(inner / blockLength);
  return <i32>(<usize>min(rows, rowBatch) * blocks * activationBytes + <usize>threadCount() * blocks * unpackedBytes);
}

export function matmulBlocks(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  storage: i32,
  scale: f32,
  accumulate: bool,
  scratch: usize,
): void {
  for (let row = 0; row < rows; row += rowBatch) {
    const rowsA = a + ((<usize>row * <usize>inner) << 2);
    const rowsOut = out + ((<usize>row * <usize>columns) << 2);
    multiplyBatch(rowsA, b, rowsOut, min(rowBatch, rows - row), columns, inner, storage, scale, accumulate, scratch);
  }
}

function multiplyBatch(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  storage: i32,
  scale: f32,
  accumulate: bool,
  scratch: usize,
): void {
  const blocks = inner / blockLength;
  const roundingStep = max(1, 4096 / blocks);
  pass(0, <i32>a);
  pass(1, <i32>b);
  pass(2, <i32>out);
  pass(3, rows);
  pass(4, columns);
  pass(5, blocks);
  pass(6, storage);
  passFloat(7, scale);
  pass(8, accumulate ? 1 : 0);
  pass(9, <i32>scratch);
  pass(10, roundingStep);
  runTasks(roundTask, (rows + roundingStep - 1) / roundingStep);
  const most = threadCount() == 1 ? 1 : threadCount() * 4;
  const affordable = <i32>min<f64>(<f64>most, (<f64>rows * <f64>columns * <f64>inner) / taskWork);
  const step = ((columns + max(affordable, 1) - 1) / max(affordable, 1) + 3) & ~3;
  pass(10, step);
  runTasks(columnsTask, (columns + step - 1) / step);
}

function roundTask(task: i32): void {
  const blocks = argument(5);
  const first = task * argument(10);
  const count = min(argument(10), argument(3) - first);
  const a = <usize>argument(0) + ((<usize>first * <usize>(blocks * blockLength)) << 2);
  const out = <usize>argument(9) + <usize>first * <usize>blocks * activationBytes;
  roundActivations(a, out, count * blocks, argument(6) == storageQ41);
}

function columnsTask(task: i32): void {
  const b = <usize>argument(1);
  const rows = argument(3);
  const columns = argument(4);
  const blocks = argument(5);
  const storage = argument(6);
  const first = task * argument(10);
  const last = min(first + argument(10), columns);
  const rowBytes = <usize>blocks * weightBlockBytes(storage);
  const activations = <usize>argument(9);
  const rowStride = <usize>blocks * activationBytes;
  const unpacked = activations + <usize>rows * rowStride + <usize>threadIndex() * <usize>blocks * unpackedBytes;
  for (let row = 0; row < rows; row += rowTile) {
    const height = min(rowTile, rows - row);
    const x = activations + <usize>row * rowStride;
    for (let column = first; column < last; column += 4) {
      // Beyond the last column its weights are used again, and the result dropped.
      const r0 = b + <usize>column * rowBytes;
      const r1 = b + <usize>min(column + 1, last - 1) * rowBytes;
      const r2 = b + <usize>min(column + 2, last - 1) * rowBytes;
      const r3 = b + <usize>min(column + 3, last - 1) * rowBytes;
      const count = min(4, last - column);
      const next = column + 8 <= last ? r0 + 4 * rowBytes : r0; // four whole rows
      if (height < fewestUnpacked) {
        for (let r = 0; r < height; r += 1) {
          const from = x + <usize>r * rowStride;
          const dots =
            storage == storageQ41
              ? fourDotsQ41(from, r0, r1, r2, r3, next, blocks)
              : fourDotsQ80(from, r0, r1, r2, r3, next, blocks);
          put(row + r, column, count, dots);
        }
      } else {
        unpackFour(unpacked, r0, r1, r2, r3, storage, blocks);
        for (let r = 0; r < height; r += 1) {
          put(row + r, column, count, unpackedDots(x + <usize>r * rowStride, unpacked, storage == storageQ41, blocks));
        }
      }
    }
  }
}

/** out[row, column + j] (+)= scale · lane j, for j below `count`. */
@inline
function put(row: i32, column: i32, count: i32, dots: v128): void {
  const at = <usize>argument(2) + ((<usize>row * <usize>argument(4) + <usize>column) << 2);
  const accumulate = argument(8) != 0;
  const values = f32x4.mul(f32x4.splat(floatArgument(7)), dots);
  if (count == 4) {
    v128.store(at, accumulate ? f32x4.add(v128.load(at), values) : values);
    return;
  }
  add(at, f32x4.extract_lane(values, 0), accumulate);
  if (count > 1) add(at + 4, f32x4.extract_lane(values, 1), accumulate);
  if (count > 2) add(at + 8, f32x4.extract_lane(values, 2), accumulate);
}

@inline
function add(at: usize, value: f32, accumulate: bool): void {
  store<f32>(at, accumulate ? load<f32>(at) + value : value);
}
