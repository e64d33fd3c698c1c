/** silu(gate) ⊙ up and its gradients: with σ = sigmoid(gate), d gate = grad up σ(1 + gate(1 − σ)), d up = grad gate σ. */

import { argument, pass, runTasks } from './threads';
import { exp4 } from './vector';

/** Numbers of a task, a multiple of four. */
const taskLength: i32 = 16384;

@inline
function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

export function swiglu(gate: usize, up: usize, out: usize, length: i32): void {
  pass(0, <i32>gate);
  pass(1, <i32>up);
  pass(2, <i32>out);
  pass(3, length);
  runTasks(swigluTask, (length + taskLength - 1) / taskLength);
}

function swigluTask(task: i32): void {
  const first = task * taskLength;
  const offset = (<usize>first) << 2;
  const gate = <usize>argument(0) + offset;
  const up = <usize>argument(1) + offset;
  const out = <usize>argument(2) + offset;
  const length = min(taskLength, argument(3) - first);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    const z = v128.load(gate + at);
    v128.store(out + at, f32x4.mul(f32x4.mul(z, sigmoid4(z)), v128.load(up + at)));
  }
  for (; i < length; i += 1) {
    const at = (<usize>i) << 2;
    const z = load<f32>(gate + at);
    const sigmoid = f32x4.extract_lane(sigmoid4(f32x4.splat(z)), 0);
    store<f32>(out + at, z * sigmoid * load<f32>(up + at));
  }
}

export function swigluBackward(
  gate: usize,
  up: usize,
  gradOut: usize,
  gradGate: usize,
  gradUp: usize,
  length: i32,
): void {
  pass(0, <i32>gate);
  pass(1, <i32>up);
  pass(2, <i32>gradOut);
  pass(3, <i32>gradGate);
  pass(4, <i32>gradUp);
  pass(5, length);
  runTasks(swigluBackwardTask, (length + taskLength - 1) / taskLength);
}

function swigluBackwardTask(task: i32): void {
  const first = task * taskLength;
  const offset = (<usize>first) << 2;
  const gate = <usize>argument(0) + offset;
  const up = <usize>argument(1) + offset;
  const gradOut = <usize>argument(2) + offset;
  const gradGate = <usize>argument(3) + offset;
  const gradUp = <usize>argument(4) + offset;
  const length = min(taskLength, argument(5) - first);
  const one = f32x4.splat(1);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    const z = v128.load(gate + at);
    const sigmoid = sigmoid4(z);
    const grad = v128.load(gradOut + at);
    const slope = f32x4.mul(sigmoid, f32x4.add(one, f32x4.mul(z, f32x4.sub(one, sigmoid))));
    const forGate = f32x4.mul(f32x4.mul(grad, v128.load(up + at)), slope);
    v128.store(gradUp + at, f32x4.mul(grad, f32x4.mul(z, sigmoid)));
    v128.store(gradGate + at, forGate);
  }
  for (; i < length; i += 1) {
    const at = (<usize>i) << 2;
    const z = load<f32>(gate + at);
    const sigmoid = f32x4.extract_lane(sigmoid4(f32x4.splat(z)), 0);
    const grad = load<f32>(gradOut + at);
    const forGate = grad * load<f32>(up + at) * sigmoid * (<f32>1 + z * (<f32>1 - sigmoid));
    store<f32>(gradUp + at, grad * z * sigmoid);
    store<f32>(gradGate + at, forGate);
  }
}
