/** tfjs-backend-wasm, its SIMD build on one thread, as the kernels of ours that it is measured beside. */

import { type Peer, tfjsPeer } from '@inattention/bench/peers';
import { setThreadsCount, setWasmPaths, version_wasm as version } from '@tensorflow/tfjs-backend-wasm';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import * as tfjs from '@tensorflow/tfjs-core';

export async function loadTfjsWasm(): Promise<Peer> {
  // The build with threads would start workers from blobs, which the page's policy does not let.
  tfjs.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  // It wants to know of every build, and takes this one.
  setWasmPaths({
    'tfjs-backend-wasm.wasm': simd,
    'tfjs-backend-wasm-simd.wasm': simd,
    'tfjs-backend-wasm-threaded-simd.wasm': simd,
  });
  setThreadsCount(1);
  await tfjs.setBackend('wasm');
  await tfjs.ready();
  return tfjsPeer(tfjs, 'tfjs-backend-wasm', version, 'now');
}
