/** Runs the sweep off the page's thread, on whichever backend fits. */

import {
  backendCandidates,
  decodedTokens,
  runSweep,
  type SweepProgress,
  type SweepResult,
  smallShape,
  sweepDefaults,
  tokenise,
  warmUpDocumentTokens,
} from '@inattention/bench';
import { selectBackend } from '@inattention/core';
import { expose } from 'comlink';
import { readAddresses, readNovel } from './texts.ts';

let controller: AbortController | null = null;

const api = {
  async run(lengths: readonly number[], onProgress: (progress: SweepProgress) => void): Promise<SweepResult> {
    controller = new AbortController();
    const { signal } = controller;
    onProgress({ done: 0, total: 1, share: 0, what: 'reading and tokenising the texts' });
    const tokens = Math.max(...lengths) + decodedTokens;
    const [novel, addresses] = await Promise.all([readNovel(), readAddresses()]);
    const text = await tokenise(novel, tokens, smallShape.vocabSize);
    const warmUpText = await tokenise(addresses, warmUpDocumentTokens, smallShape.vocabSize);
    const { backend } = await selectBackend(backendCandidates(), { signal });
    try {
      const environment = { browser: navigator.userAgent, cores: navigator.hardwareConcurrency };
      const shape = smallShape;
      return await runSweep({
        backend,
        shape,
        lengths,
        text,
        warmUpText,
        selfUpTo: sweepDefaults(shape).selfUpTo,
        environment,
        signal,
        onProgress,
      });
    } finally {
      backend.dispose();
    }
  },
  cancel(): void {
    controller?.abort();
  },
};

export type SweepWorker = typeof api;

expose(api);
