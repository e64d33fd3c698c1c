/** The text of swiglu-backward.ts. */

import type { Shader } from '../execution/kernel.ts';
import { elementsOf } from './wgsl/elements.ts';
import { sigmoidOf } from './wgsl/sigmoid.ts';

export function swigluBackward(vectors: boolean): Shader<'gate' | 'up' | 'grad' | 'grad_gate' | 'grad_up'> {
  return {
    declarations: sigmoidOf(elementsOf(vectors)),
    main: ({ gate, up, grad, grad_gate, grad_up }) => `
  if (index >= params.length) { return; }
  let a = ${gate}[params.gate_at + index];
  let gradient = ${grad}[params.grad_at + index];
  let weighted = gradient * ${up}[params.up_at + index];
  let sigma = sigmoid_of(a);
  let silu = a * sigma;
  ${grad_gate}[params.grad_gate_at + index] = weighted * (sigma + silu * (1.0 - sigma));
  ${grad_up}[params.grad_up_at + index] = gradient * silu;`,
  };
}
