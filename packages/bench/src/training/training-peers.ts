/** The libraries that a training step is measured beside. Where one is not installed, the bench runs without it. Node only. */

import { InAttentionError } from '@inattention/core';
import { tfjsName, tfjsPackages } from '../kernels/tfjs-peer.ts';
import type { StepPeer } from './run-training.ts';
import { tfjsStep } from './tfjs-step.ts';
import { torchStep } from './torch-step.ts';

export const trainingPeers: readonly StepPeer[] = [
  {
    name: tfjsName,
    async open(task) {
      try {
        return await tfjsStep(task);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : null;
        if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
        const install = `npm install --no-save @tensorflow/tfjs ${tfjsPackages.join(' ')}`;
        return { missing: `${tfjsName} is not installed; to measure it: ${install}` };
      }
    },
  },
  {
    name: 'PyTorch',
    async open(task) {
      try {
        return await torchStep(task, 1);
      } catch (error) {
        if (!InAttentionError.isInstance(error, 'BACKEND_UNAVAILABLE')) throw error;
        return { missing: error.message };
      }
    },
  },
];
