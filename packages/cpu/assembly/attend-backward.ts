/**
 * Gradients of attention over dense f32 keys and values, recomputed from log-sum-exp, one query at a time in blocks of 64
 * keys (Dao et al., arXiv 2205.14135, §B.2):
 *
 *     p = exp(scale q·k − slope · distance − logSumExp);  dv += p dO;  ds = p (dO·v − dO·O);  dq += scale ds k;  dk += scale ds q
 */

import { addScaled, dot, exp1 } from './vector';

export function attendBackward(
  queries: usize,
  positions: usize,
  keys: usize,
  values: usize,
  slopes: usize,
  out: usize,
  logSumExp: usize,
  gradOut: usize,
  gradQueries: usize,
  gradKeys: usize,
  gradValues: usize,
  count: i32,
  heads: i32,
  entries: i32,
  kvHeads: i32,
  headDim: i32,
  firstPosition: i32,
  scale: f32,
): void {
  const group = heads / kvHeads;
  const headBytes = (<usize>headDim) << 2;
  const rowBytes = <usize>kvHeads * headBytes;
  memory.fill(gradQueries, 0, <usize>(count * heads) * headBytes);
  for (let t = 0; t < count; t += 1) {
    const distance = load<i32>(positions + ((<usize>t) << 2)) - firstPosition;
    const seen = min(entries, distance + 1);
    for (let h = 0; h < heads; h += 1) {
      const row = <usize>(t * heads + h);
      const query = queries + row * headBytes;
      const grad = gradOut + row * headBytes;
      const gradQuery = gradQueries + row * headBytes;
      const head = <usize>(h / group) * headBytes;
      const total = load<f32>(logSumExp + (row << 2));
      const slope = slopes == 0 ? <f32>0 : load<f32>(slopes + ((<usize>h) << 2));
      const along = dot(grad, out + row * headBytes, headDim);
      for (let j = 0; j < seen; j += 1) {
        const at = <usize>j * rowBytes + head;
        const weight = exp1(dot(query, keys + at, headDim) * scale - slope * <f32>(distance - j) - total);
        if (weight == 0) continue;
        addScaled(gradValues + at, grad, weight, headDim);
        const gradScore = scale * weight * (dot(grad, values + at, headDim) - along);
        addScaled(gradQuery, keys + at, gradScore, headDim);
        addScaled(gradKeys + at, query, gradScore, headDim);
      }
    }
  }
}
