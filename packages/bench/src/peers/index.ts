/**
 * `@inattention/bench/peers`: other libraries as contestants of the kernel benches, in Node and in browsers. They are loaded and
 * set up by the caller (wasm files, threads, backend): none is a dependency of this package.
 */

export { type OnnxRuntime, onnxruntimeName, onnxruntimePeer } from '../kernels/onnxruntime-kernels.ts';
export { onnxruntimeWebGpuName, onnxruntimeWebGpuPeer } from '../kernels/onnxruntime-webgpu-kernels.ts';
export type { LoadedPeer, Peer, PeerKernel } from '../kernels/peer.ts';
export { type TfjsRead, tfjsPeer } from '../kernels/tfjs-kernels.ts';
