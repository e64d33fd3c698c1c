/**
 * The gated activation of the MLP (Shazeer, arXiv 2002.05202), elementwise over arrays of one shape:
 *
 *     y = silu(a) ⊙ b,   silu(a) = a σ(a)
 *     da = dy ⊙ b ⊙ silu′(a),   silu′(a) = σ(a) (1 + a (1 − σ(a)))        db = dy ⊙ silu(a)
 */

import { sigmoidOf } from './elementwise.ts';
import { expectShape, type NdArray, zeros } from './nd-array.ts';

export function swigluForward(gate: NdArray, up: NdArray): NdArray {
  expectShape(up, gate.shape, 'The ungated half of a SwiGLU');
  const out = zeros(gate.shape);
  for (let i = 0; i < out.data.length; i += 1) out.data[i] = gate.data[i] * sigmoidOf(gate.data[i]) * up.data[i];
  return out;
}

export function swigluBackward(
  gate: NdArray,
  up: NdArray,
  gradOut: NdArray,
): { readonly gradGate: NdArray; readonly gradUp: NdArray } {
  expectShape(up, gate.shape, 'The ungated half of a SwiGLU');
  expectShape(gradOut, gate.shape, 'The gradient of a SwiGLU');
  const gradGate = zeros(gate.shape);
  const gradUp = zeros(up.shape);
  for (let i = 0; i < gradOut.data.length; i += 1) {
    const a = gate.data[i];
    const s = sigmoidOf(a);
    gradGate.data[i] = gradOut.data[i] * up.data[i] * s * (1 + a * (1 - s));
    gradUp.data[i] = gradOut.data[i] * a * s;
  }
  return { gradGate, gradUp };
}
