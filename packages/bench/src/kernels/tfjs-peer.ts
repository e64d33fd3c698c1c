/**
 * tfjs-backend-wasm, SIMD build, in Node, where it has no threads. Tensors that are kept lie in its memory already, which is
 * what it has instead of constants; tensors that are fed are made in every call. Results are read with dataSync.
 */

import type * as Tfjs from '@tensorflow/tfjs-core';
import type { Peer, PeerKernel } from './peer.ts';

type Tensor3D = Tfjs.Tensor3D;

export const tfjsName = 'tfjs-backend-wasm';
export const tfjsPackages: readonly string[] = ['@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-core'];

/** Loads it. Rejects as `import` does when it is not installed. */
export async function loadTfjs(): Promise<Peer> {
  const tfjs = await import('@tensorflow/tfjs-core');
  const { version_wasm: version } = await import('@tensorflow/tfjs-backend-wasm');
  await tfjs.setBackend('wasm');
  await tfjs.ready();
  return {
    name: tfjsName,
    version,
    notes: {
      input: 'inputs lie in its memory already',
      constant: 'has no constants: a tensor kept between calls',
      fed: 'tensors made in every call',
    },
    async matmul({ rows, inner, columns }, a, b) {
      const left = () => tfjs.tensor2d(a, [rows, inner]);
      const right = () => tfjs.tensor2d(b, [inner, columns]);
      return createKernel(tfjs, [left, right], [true, true], ([x, y]) =>
        tfjs.matMul(x as Tfjs.Tensor2D, y as Tfjs.Tensor2D),
      );
    },
    async attention({ heads, headDim, length }, { query, keysTransposed, values }, constant) {
      const inputs = [
        () => tfjs.tensor3d(query, [heads, 1, headDim]),
        () => tfjs.tensor3d(keysTransposed, [heads, headDim, length]),
        () => tfjs.tensor3d(values, [heads, length, headDim]),
      ];
      return createKernel(tfjs, inputs, [false, constant, constant], ([q, k, v]) =>
        tfjs.matMul(tfjs.softmax(tfjs.matMul(q as Tensor3D, k as Tensor3D)), v as Tensor3D),
      );
    },
  };
}

/** `kept[i]`: input i is made once. */
function createKernel(
  tfjs: typeof Tfjs,
  inputs: readonly (() => Tfjs.Tensor)[],
  kept: readonly boolean[],
  compute: (tensors: readonly Tfjs.Tensor[]) => Tfjs.Tensor,
): PeerKernel {
  const made = inputs.map((make, place) => (kept[place] ? make() : null));
  let result = new Float32Array();
  return {
    run() {
      tfjs.tidy(() => {
        const tensors = inputs.map((make, place) => made[place] ?? make());
        result = compute(tensors).dataSync<'float32'>() as Float32Array<ArrayBuffer>;
      });
    },
    result: () => result,
    dispose() {
      for (const tensor of made) tensor?.dispose();
    },
  };
}
