/** One AdamW step in place; the caller passes both bias corrections, 1 / (1 − βᵗ). */

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
  for (let i = 0; i < length; i += 1) {
    const at = (<usize>i) << 2;
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
