/**
 * The CUDA backend for tests: on the real TensorFlow that the run has set up; where none could be had (which the run says
 * loudly), on tfjs-core's own backends, through the same code. INATTENTION_STAND_IN=wasm or =cpu asks for those.
 * INATTENTION_TF32=1 lets a GPU round products to TF32, which has tolerances of its own.
 */

import { createRequire } from 'node:module';
import { type CudaBackend, createCudaBackend } from '@inattention/cuda';
import { installedBinding } from '@inattention/cuda/setup';
import { type StandIn, standInBinding, type TfjsBinding } from './tfjs-stand-in.ts';

/** The backend of tfjs that stands in for TensorFlow in this run; null when TensorFlow itself is there. */
const standIn: StandIn | null =
  process.env.INATTENTION_STAND_IN === undefined ? null : process.env.INATTENTION_STAND_IN === 'cpu' ? 'cpu' : 'wasm';

export interface CudaHere {
  /** Makes backends for the suite. */
  readonly createBackend: () => Promise<CudaBackend>;
  /** Tensors that the library holds in this process, of whomever. */
  nativeTensors(): number;
}

/** The library of this run. */
export async function cudaHere(): Promise<CudaHere> {
  if (standIn !== null) return onStandIn(standIn);
  const createBackend = () => createCudaBackend({ tf32: process.env.INATTENTION_TF32 === '1' });
  return {
    createBackend,
    nativeTensors() {
      const { addon } = installedBinding() as NonNullable<ReturnType<typeof installedBinding>>;
      return (createRequire(import.meta.url)(addon) as TfjsBinding).getNumOfTensors();
    },
  };
}

/** tfjs-core in place of TensorFlow. */
export async function onStandIn(name: StandIn): Promise<CudaHere> {
  const binding = await standInBinding(name);
  const tf = { backend: () => ({ binding }) };
  return { createBackend: () => createCudaBackend({ tf }), nativeTensors: () => binding.getNumOfTensors() };
}

/** Makes backends for the suite, on the library of this run. */
export async function cudaBackends(): Promise<() => Promise<CudaBackend>> {
  return (await cudaHere()).createBackend;
}
