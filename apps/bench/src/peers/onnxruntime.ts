/** onnxruntime-web's WebAssembly execution provider on one thread, as the kernels of ours that it is measured beside. */

import { onnxruntimePeer, type Peer } from '@inattention/bench/peers';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import * as runtime from 'onnxruntime-web/wasm';

export function loadOnnxruntime(): Peer {
  runtime.env.wasm.wasmPaths = { wasm };
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = 'error';
  return onnxruntimePeer(runtime);
}
