/**
 * The workloads of the kernel benches in TensorFlow.js, for each of its backends alike. Tensors that are kept lie where the
 * backend works already, which is what it has instead of constants; tensors that are fed are made in every call.
 */

import type * as Tfjs from '@tensorflow/tfjs-core';
import type { Peer, PeerKernel } from './peer.ts';

type Tensor3D = Tfjs.Tensor3D;

/** `now`: results are read with dataSync; `later`: with data, where a backend cannot wait. */
export type TfjsRead = 'now' | 'later';

/** The peer of the backend that `tfjs` has been set to. */
export function tfjsPeer(tfjs: typeof Tfjs, name: string, version: string, read: TfjsRead): Peer {
  return {
    name,
    version,
    notes: {
      input: 'inputs lie in its memory already',
      constant: 'has no constants: a tensor kept between calls',
      fed: 'tensors made in every call',
    },
    async matmul({ rows, inner, columns }, a, b) {
      const left = () => tfjs.tensor2d(a, [rows, inner]);
      const right = () => tfjs.tensor2d(b, [inner, columns]);
      return createKernel(tfjs, read, [left, right], [true, true], ([x, y]) =>
        tfjs.matMul(x as Tfjs.Tensor2D, y as Tfjs.Tensor2D),
      );
    },
    async attention({ heads, headDim, length }, { query, keysTransposed, values }, constant) {
      const inputs = [
        () => tfjs.tensor3d(query, [heads, 1, headDim]),
        () => tfjs.tensor3d(keysTransposed, [heads, headDim, length]),
        () => tfjs.tensor3d(values, [heads, length, headDim]),
      ];
      return createKernel(tfjs, read, inputs, [false, constant, constant], ([q, k, v]) =>
        tfjs.matMul(tfjs.softmax(tfjs.matMul(q as Tensor3D, k as Tensor3D)), v as Tensor3D),
      );
    },
  };
}

/** `kept[i]`: input i is made once. */
function createKernel(
  tfjs: typeof Tfjs,
  read: TfjsRead,
  inputs: readonly (() => Tfjs.Tensor)[],
  kept: readonly boolean[],
  compute: (tensors: readonly Tfjs.Tensor[]) => Tfjs.Tensor,
): PeerKernel {
  const made = inputs.map((make, place) => (kept[place] ? make() : null));
  const computed = (): Tfjs.Tensor => tfjs.tidy(() => compute(inputs.map((make, place) => made[place] ?? make())));
  let result = new Float32Array();
  const runs: Readonly<Record<TfjsRead, PeerKernel['run']>> = {
    now() {
      const out = computed();
      result = out.dataSync<'float32'>() as Float32Array<ArrayBuffer>;
      out.dispose();
    },
    async later() {
      const out = computed();
      result = (await out.data<'float32'>()) as Float32Array<ArrayBuffer>;
      out.dispose();
    },
  };
  return {
    run: runs[read],
    result: () => result,
    dispose() {
      for (const tensor of made) tensor?.dispose();
    },
  };
}
