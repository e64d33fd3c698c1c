/**
 * RMS normalisation and its gradient, over rows of [n, D].
 *
 * With s = 1 / sqrt(mean(x²) + ε) and y = g ⊙ grad: gradInput = s · y − x · s³ · mean(x ⊙ y);
 * gradWeight = Σ_rows grad ⊙ x · s.
 */

import { argument, floatArgument, pass, passFloat, runTasks } from './threads';
import { addScaled, dot, scaleInto } from './vector';

/** Numbers that are worth a task of their own. */
const taskNumbers: i32 = 16384;


/** `weight` and `inverseRms` may be 0 (none). */
export function rmsNorm(
  input: usize,
  weight: usize,
  out: usize,
  inverseRms: usize,
  rows: i32,
  width: i32,
  epsilon: f32,
): void {
  const step = max(1, taskNumbers / max(1, width));
  pass(0, <i32>input);
  pass(1, <i32>weight);
  pass(2, <i32>out);
  pass(3, <i32>inverseRms);
  pass(4, rows);
  pass(5, width);
  passFloat(6, epsilon);
  pass(7, step);
  runTasks(rmsNormTask, (rows + step - 1) / step);
}

function rmsNormTask(task: i32): void {
  const input = <usize>argument(0);
  const weight = <usize>argument(1);
  const out = <usize>argument(2);
  const inverseRms = <usize>argument(3);
  const width = argument(5);
  const epsilon = floatArgument(6);
  const step = argument(7);
  const end = min(argument(4), (task + 1) * step);
  for (let r = task * step; r < end; r += 1) {
    const at = (<usize>r * <usize>width) << 2;
    const x = input + at;
    const scale = <f32>1 / sqrt(dot(x, x, width) / <f32>width + epsilon);
    if (inverseRms != 0) store<f32>(inverseRms + ((<usize>r) << 2), scale);
    if (weight == 0) scaleInto(out + at, x, scale, width);
    else scaleByWeight(out + at, x, weight, scale, width);
  }
}

/** out = scale · x ⊙ weight. */
@inline
function scaleByWeight(out: usize, x: usize, weight: usize, scale: f32, width: i32): void {
  const scales = f32x4.splat(scale);
  let i = 0;
  for (; i + 4 <= width; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(out + at, f32x4.mul(f32x4.mul(v128.load(x + at), scales), v128.load(weight + at)));
  }
  for (; i < width; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, load<f32>(x + at) * scale * load<f32>(weight + at));
  }
}

/** `weight` and `gradWeight` are both 0 or both given. */
export function rmsNormBackward(
  input: usize,
  weight: usize,
  inverseRms: usize,
  gradOut: usize,
  gradInput: usize,
  gradWeight: usize,
  rows: i32,
  width: i32,
): void {
  if (gradWeight != 0) memory.fill(gradWeight, 0, (<usize>width) << 2);
  for (let r = 0; r < rows; r += 1) {
    const at = (<usize>r * <usize>width) << 2;
    const x = input + at;
    const grad = gradOut + at;
    const out = gradInput + at;
    const scale = load<f32>(inverseRms + ((<usize>r) << 2));
    if (weight == 0) memory.copy(out, grad, (<usize>width) << 2);
    else scaleByWeight(out, grad, weight, 1, width);
    const mean = dot(x, out, width) / <f32>width;
    if (gradWeight != 0) addProduct(gradWeight, grad, x, scale, width);
    scaleInto(out, out, scale, width);
    addScaled(out, x, -scale * scale * scale * mean, width);
  }
}

/** out += scale · a ⊙ b. */
@inline
function addProduct(out: usize, a: usize, b: usize, scale: f32, width: i32): void {
  const scales = f32x4.splat(scale);
  let i = 0;
  for (; i + 4 <= width; i += 4) {
    const at = (<usize>i) << 2;
    const product = f32x4.mul(f32x4.mul(v128.load(a + at), v128.load(b + at)), scales);
    v128.store(out + at, f32x4.add(v128.load(out + at), product));
  }
  for (; i < width; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, load<f32>(out + at) + load<f32>(a + at) * load<f32>(b + at) * scale);
  }
}
