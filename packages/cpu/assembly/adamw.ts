/** One AdamW step in place; the caller passes both bias corrections, 1 / (1 − βᵗ). */

import { argument, floatArgument, pass, passFloat, runTasks } from './threads';

/** Numbers of a task, a multiple of four. */
const taskLength: i32 = 16384;

export function adamw(
  parameter: usize,
  gradient: usize,
  firstMoment: usize,
  secondMoment: usize,
  length: i32,
  learningRate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  weightDecay: f32,
  correction1: f32,
  correction2: f32,
): void {
  pass(0, <i32>parameter);
  pass(1, <i32>gradient);
  pass(2, <i32>firstMoment);
  pass(3, <i32>secondMoment);
  pass(4, length);
  passFloat(5, learningRate);
  passFloat(6, beta1);
  passFloat(7, beta2);
  passFloat(8, epsilon);
  passFloat(9, weightDecay);
  passFloat(10, correction1);
  passFloat(11, correction2);
  runTasks(adamwTask, (length + taskLength - 1) / taskLength);
}

function adamwTask(task: i32): void {
  const first = task * taskLength;
  const offset = (<usize>first) << 2;
  const parameter = <usize>argument(0) + offset;
  const gradient = <usize>argument(1) + offset;
  const firstMoment = <usize>argument(2) + offset;
  const secondMoment = <usize>argument(3) + offset;
  const end = (<usize>min(taskLength, argument(4) - first)) << 2;
  const learningRate = floatArgument(5);
  const beta1 = floatArgument(6);
  const beta2 = floatArgument(7);
  const epsilon = floatArgument(8);
  const weightDecay = floatArgument(9);
  const correction1 = floatArgument(10);
  const correction2 = floatArgument(11);
  let at: usize = 0;
  for (; at + 16 <= end; at += 16) {
    const g = v128.load(gradient + at);
    const m = f32x4.add(
      f32x4.mul(f32x4.splat(beta1), v128.load(firstMoment + at)),
      f32x4.mul(f32x4.splat(<f32>1 - beta1), g),
    );
    const v = f32x4.add(
      f32x4.mul(f32x4.splat(beta2), v128.load(secondMoment + at)),
      f32x4.mul(f32x4.mul(f32x4.splat(<f32>1 - beta2), g), g),
    );
    v128.store(firstMoment + at, m);
    v128.store(secondMoment + at, v);
    const p = v128.load(parameter + at);
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(v, f32x4.splat(correction2))), f32x4.splat(epsilon));
    const update = f32x4.div(f32x4.mul(m, f32x4.splat(correction1)), root);
    const step = f32x4.add(update, f32x4.mul(f32x4.splat(weightDecay), p));
    v128.store(parameter + at, f32x4.sub(p, f32x4.mul(f32x4.splat(learningRate), step)));
  }
  for (; at < end; at += 4) {
    const g = load<f32>(gradient + at);
    const m = beta1 * load<f32>(firstMoment + at) + (<f32>1 - beta1) * g;
    const v = beta2 * load<f32>(secondMoment + at) + (<f32>1 - beta2) * g * g;
    store<f32>(firstMoment + at, m);
    store<f32>(secondMoment + at, v);
    const p = load<f32>(parameter + at);
    const update = (m * correction1) / (sqrt(v * correction2) + epsilon);
    store<f32>(parameter + at, p - learningRate * (update + weightDecay * p));
  }
}
