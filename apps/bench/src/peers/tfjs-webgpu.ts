/** tfjs-backend-webgpu. */

import { type Peer, tfjsPeer } from '@inattention/bench/peers';
import { BackendUnavailableError } from '@inattention/core';
import '@tensorflow/tfjs-backend-webgpu';
import facts from '@tensorflow/tfjs-backend-webgpu/package.json' with { type: 'json' };
import * as tfjs from '@tensorflow/tfjs-core';

export async function loadTfjsWebGpu(): Promise<Peer> {
  if (!(await tfjs.setBackend('webgpu'))) {
    throw new BackendUnavailableError({ what: 'It found no adapter.' });
  }
  return tfjsPeer(tfjs, 'tfjs-backend-webgpu', facts.version, 'later');
}
