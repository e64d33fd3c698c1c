/** The workloads of the kernel benches as ONNX graphs, for every execution provider alike. */

import type { OnnxGraph } from './onnx-model.ts';
import type { AttentionSizes, MatmulSizes } from './peer.ts';

/** `a` [rows, inner] · `b` [inner, columns]; `b` is a constant of the graph where its numbers are given. */
export function matmulGraph({ rows, inner, columns }: MatmulSizes, constant: Float32Array | null): OnnxGraph {
  const weights = { name: 'b', shape: [inner, columns] };
  return {
    inputs: [{ name: 'a', shape: [rows, inner] }, ...(constant === null ? [weights] : [])],
    constants: constant === null ? [] : [{ ...weights, data: constant }],
    nodes: [{ type: 'MatMul', inputs: ['a', 'b'], output: 'out' }],
    outputs: [{ name: 'out', shape: [rows, columns] }],
  };
}

/** `query` [H, 1, C] over `keys` [H, C, N] and `values` [H, N, C], which are constants of the graph where given. */
export function attentionGraph(
  { heads, headDim, length }: AttentionSizes,
  constant: { readonly keys: Float32Array; readonly values: Float32Array } | null,
): OnnxGraph {
  const keys = { name: 'keys', shape: [heads, headDim, length] };
  const values = { name: 'values', shape: [heads, length, headDim] };
  return {
    inputs: [{ name: 'query', shape: [heads, 1, headDim] }, ...(constant === null ? [keys, values] : [])],
    constants:
      constant === null
        ? []
        : [
            { ...keys, data: constant.keys },
            { ...values, data: constant.values },
          ],
    nodes: [
      { type: 'MatMul', inputs: ['query', 'keys'], output: 'scores' },
      { type: 'Softmax', inputs: ['scores'], output: 'weights' },
      { type: 'MatMul', inputs: ['weights', 'values'], output: 'out' },
    ],
    outputs: [{ name: 'out', shape: [heads, 1, headDim] }],
  };
}
