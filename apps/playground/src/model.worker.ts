/** All work with models, off the page's thread: on a graphics card where there is one, otherwise on the processor. */

import { serveModels } from '@inattention/model/worker';
import { candidatesFor } from './backend-candidates.ts';
import { backendChoice } from './backend-choice.ts';
import type { BackendReplaced } from './backend-replaced.ts';

// The first backend is chosen when a model is opened; another one only in place of one that was lost.
let isFirst = true;

const candidates = candidatesFor(backendChoice(self.name)).map((candidate) => ({
  ...candidate,
  async create() {
    const backend = await candidate.create();
    const replaced: BackendReplaced = { kind: 'backend-replaced', backend: backend.name, device: backend.info.device };
    if (!isFirst) self.postMessage(replaced);
    isFirst = false;
    return backend;
  },
}));

serveModels({ candidates });
