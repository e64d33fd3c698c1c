/**
 * Matrix multiplication: chooses a kernel by shape, and cuts out into tasks for the threads. Tasks are ranges of columns
 * (or of rows, where those are more), so that no two write the same place.
 */

import { multiplyPacked, NC, packedScratchWords } from './matmul-packed';
import { multiplyByColumns, multiplyByDots, rowsScratchWords } from './matmul-rows';
import { argument, floatArgument, pass, passFloat, runTasks, threadCount, threadIndex } from './threads';

/** Up to so many rows B is read as it lies instead of being packed. */
const fewRows: i32 = 12;
/** Rows that are worth packing B for. */
const fewestRows: i32 = 64;
/** Multiply-adds that are worth a task of their own. */
const taskWork: f64 = 131072;

/** Bytes of scratch per thread. */
export function matmulScratchBytes(rows: i32, columns: i32, inner: i32): i32 {
  return max(packedScratchWords, rowsScratchWords(inner)) << 2;
}

export function matmul(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  transposeA: bool,
  transposeB: bool,
  storage: i32,
  scales: usize,
  scale: f32,
  accumulate: bool,
  scratch: usize,
): void {
  if (inner == 0) {
    if (!accumulate) memory.fill(out, 0, (<usize>rows * <usize>columns) << 2);
    return;
  }
  // Few rows are cut by columns only: each is one pass over B.
  // A transposed A is packed by whoever needs rows of it: tasks of rows pack each once.
  const byRows = (rows > 2 * columns || (transposeA && 4 * rows >= columns)) && rows > fewRows;
  const extent = byRows ? rows : columns;
  const most = threadCount() == 1 ? 1 : threadCount() * 4;
  const affordable = <i32>min<f64>(<f64>most, (<f64>rows * <f64>columns * <f64>inner) / taskWork);
  let step = roundUp((extent + max(affordable, 1) - 1) / max(affordable, 1), byRows ? 2 : 16);
  // Every task of rows packs B: where rows are short of threads they are not cut further.
  if (byRows) step = min(roundUp((extent + threadCount() - 1) / threadCount(), 2), max(step, fewestRows));
  pass(0, <i32>a);
  pass(1, <i32>b);
  pass(2, <i32>out);
  pass(3, rows);
  pass(4, columns);
  pass(5, inner);
  pass(6, (transposeA ? 1 : 0) | (transposeB ? 2 : 0) | (accumulate ? 4 : 0) | (byRows ? 8 : 0));
  pass(7, storage);
  pass(8, <i32>scales);
  passFloat(9, scale);
  pass(10, <i32>scratch);
  pass(11, step);
  runTasks(matmulTask, (extent + step - 1) / step);
}

@inline
function roundUp(value: i32, multiple: i32): i32 {
  return ((value + multiple - 1) / multiple) * multiple;
}

function matmulTask(task: i32): void {
  const a = <usize>argument(0);
  const b = <usize>argument(1);
  const out = <usize>argument(2);
  const rows = argument(3);
  const columns = argument(4);
  const inner = argument(5);
  const flags = argument(6);
  const transposeA = (flags & 1) != 0;
  const transposeB = (flags & 2) != 0;
  const accumulate = (flags & 4) != 0;
  const byRows = (flags & 8) != 0;
  const storage = argument(7);
  const scales = <usize>argument(8);
  const scale = floatArgument(9);
  const step = argument(11);
  const scratch = <usize>argument(10) + <usize>threadIndex() * <usize>matmulScratchBytes(rows, columns, inner);
  const first = task * step;
  const last = min(first + step, byRows ? rows : columns);
  const plainA = !transposeA || rows == 1;
  if (rows <= fewRows && plainA && transposeB) {
    multiplyByDots(a, b, out, rows, columns, inner, storage, scales, scale, accumulate, first, last, scratch);
  } else if (rows < 4 && plainA && storage == 0) {
    multiplyByColumns(a, b, out, rows, columns, inner, scale, accumulate, first, last);
  } else {
    multiplyPacked(
      a,
      b,
      out,
      rows,
      columns,
      inner,
      transposeA,
      transposeB,
      storage,
      scales,
      scale,
      accumulate,
      byRows ? first : 0,
      byRows ? last : rows,
      byRows ? 0 : first,
      byRows ? columns : last,
      scratch,
    );
  }
}
