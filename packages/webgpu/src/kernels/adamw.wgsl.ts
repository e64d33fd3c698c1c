/** The text of adamw.ts. */

import type { Shader } from '../execution/kernel.ts';

export const adamw: Shader<'parameter' | 'gradient' | 'first' | 'second'> = {
  main: ({ parameter, gradient, first, second }) => `
  if (index >= params.length) { return; }
  let g = ${gradient}[params.gradient_at + index];
  let m = params.beta1 * ${first}[params.first_at + index] + params.rest1 * g;
  let v = params.beta2 * ${second}[params.second_at + index] + params.rest2 * (g * g);
  ${first}[params.first_at + index] = m;
  ${second}[params.second_at + index] = v;
  let p = ${parameter}[params.parameter_at + index];
  let update = params.step_size * m / (sqrt(v * params.correction2) + params.epsilon);
  ${parameter}[params.parameter_at + index] = params.kept * p - update;`,
};
