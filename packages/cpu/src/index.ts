/** `@inattention/cpu`: the default backend, WebAssembly SIMD kernels in Node and browsers. */

export { type CpuBackendOptions, createCpuBackend } from './cpu-backend.ts';
