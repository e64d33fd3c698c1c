/**
 * Cross-entropy of rows of logits [n, V]: nll = logSumExp − logit of the target. Exponentials are added up in f32 by 64, then
 * in f64. Tasks are ranges of rows.
 */

import { scaledExponentials, sumExponentials } from './exponentials';
import { argument, pass, runTasks } from './threads';
import { exp1, max4 } from './vector';

/** Logits of a task, about. */
const taskLogits: i32 = 65536;
/** Exponentials that are added up in f32. */
const blockLogits: i32 = 64;

/** Runs `task` over ranges of rows; argument 0 is how many rows a task has. */
function runByRows(task: (task: i32) => void, rows: i32, width: i32): void {
  const taskRows = max(1, taskLogits / max(1, width));
  pass(0, taskRows);
  pass(1, rows);
  pass(2, width);
  runTasks(task, (rows + taskRows - 1) / taskRows);
}

export function crossEntropy(
  logits: usize,
  targets: usize,
  nll: usize,
  logSumExp: usize,
  rows: i32,
  width: i32,
): void {
  pass(3, <i32>logits);
  pass(4, <i32>targets);
  pass(5, <i32>nll);
  pass(6, <i32>logSumExp);
  runByRows(lossTask, rows, width);
}

function lossTask(task: i32): void {
  const first = task * argument(0);
  const last = min(argument(1), first + argument(0));
  const width = argument(2);
  const whole = width & ~3;
  for (let r = first; r < last; r += 1) {
    const row = <usize>argument(3) + ((<usize>r * <usize>width) << 2);
    const largest = maximum(row, width);
    let sum: f64 = 0;
    for (let i = 0; i < whole; i += blockLogits) {
      const end = row + ((<usize>min(whole, i + blockLogits)) << 2);
      sum += <f64>sumExponentials(row + ((<usize>i) << 2), end, largest);
    }
    for (let i = whole; i < width; i += 1) sum += <f64>exp1(load<f32>(row + ((<usize>i) << 2)) - largest);
    const total = <f32>(<f64>largest + Math.log(sum));
    const at = (<usize>r) << 2;
    const target = load<i32>(<usize>argument(4) + at);
    store<f32>(<usize>argument(6) + at, total);
    store<f32>(<usize>argument(5) + at, total - load<f32>(row + ((<usize>target) << 2)));
  }
}

@inline
function maximum(row: usize, width: i32): f32 {
  let largest = load<f32>(row);
  let i = 0;
  if (width >= 4) {
    let lanes = v128.load(row);
    for (i = 4; i + 4 <= width; i += 4) lanes = f32x4.max(lanes, v128.load(row + ((<usize>i) << 2)));
    largest = max4(lanes);
  }
  for (; i < width; i += 1) largest = max(largest, load<f32>(row + ((<usize>i) << 2)));
  return largest;
}

/** gradLogits = gradNll · (softmax − onehot(target)). */
export function crossEntropyBackward(
  logits: usize,
  targets: usize,
  logSumExp: usize,
  gradNll: usize,
  gradLogits: usize,
  rows: i32,
  width: i32,
): void {
  pass(3, <i32>logits);
  pass(4, <i32>targets);
  pass(5, <i32>logSumExp);
  pass(6, <i32>gradNll);
  pass(7, <i32>gradLogits);
  runByRows(gradientTask, rows, width);
}

function gradientTask(task: i32): void {
  const first = task * argument(0);
  const last = min(argument(1), first + argument(0));
  const width = argument(2);
  const whole = width & ~3;
  for (let r = first; r < last; r += 1) {
    const offset = (<usize>r * <usize>width) << 2;
    const row = <usize>argument(3) + offset;
    const out = <usize>argument(7) + offset;
    const at = (<usize>r) << 2;
    const total = load<f32>(<usize>argument(5) + at);
    const factor = load<f32>(<usize>argument(6) + at);
    scaledExponentials(row, row + ((<usize>whole) << 2), out, total, factor);
    for (let i = whole; i < width; i += 1) {
      const place = (<usize>i) << 2;
      store<f32>(out + place, exp1(load<f32>(row + place) - total) * factor);
    }
    const target = out + ((<usize>load<i32>(<usize>argument(4) + at)) << 2);
    store<f32>(target, load<f32>(target) - factor);
  }
}
