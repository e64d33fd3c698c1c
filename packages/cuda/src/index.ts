/** The CUDA backend. */

export { type CudaBackend, type CudaBackendOptions, type CudaStatistics, createCudaBackend } from './cuda-backend.ts';
export { attentionScratchBytes } from './kernels/attention/scratch-bound.ts';
export type { TensorFlowNamespace } from './native/load-binding.ts';
