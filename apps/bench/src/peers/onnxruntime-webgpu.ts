/** onnxruntime-web's WebGPU execution provider. */

import { onnxruntimeWebGpuPeer, type Peer } from '@inattention/bench/peers';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import * as runtime from 'onnxruntime-web/webgpu';

export function loadOnnxruntimeWebGpu(): Promise<Peer> {
  runtime.env.wasm.wasmPaths = { wasm };
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = 'error';
  return onnxruntimeWebGpuPeer(runtime);
}
