/** A session, or its model, that goes at any moment of a call: the call ends done or DISPOSED, and holds nothing. */

import { DisposedError } from '@inattention/core';
import { contextModes, type ModelConfig } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import { expect, test } from 'vitest';
import { codeOf } from '../test/outcomes.ts';
import { config } from '../test/small-model.ts';
import { createModel } from './create-model.ts';
import { Session } from './session.ts';

/** Turns of the microtask queue that the longest of these calls takes, and more. */
const turns = 20;

const calls: Record<string, (session: Session, other: Session) => Promise<unknown>> = {
  append: (session) => session.append([1, 2, 3]),
  'an edit in the middle': (session) => session.replace(2, 1, [4, 5]),
  'a removal at the end': (session) => session.remove(5, 2),
  fork: async (session) => (await session.fork()).dispose(),
  save: (session) => session.save(),
  prefill: (session) => session.prefill(),
  nextLogits: (session) => session.nextLogits(),
  'nextLogits of two': (session, other) => Session.nextLogits([other, session]),
  logitsAt: (session) => session.logitsAt([6, 0, 3]),
  lossAt: (session) => session.lossAt([6, 0, 3], [1, 2, 3]),
  attentionWeights: (session) => session.attentionWeights(0, 6),
};

const small = { ...config, vocabSize: 12, hiddenSize: 8, numAttentionHeads: 2, numKeyValueHeads: 1, headDim: 4 };
const changes: Record<string, Partial<ModelConfig>> = {
  'pure, rope': {},
  'pure, learned': { positionEmbeddingType: 'learned' },
  'hybrid, learned': { positionEmbeddingType: 'learned', attentionTypes: ['inattention', 'self'] },
};

for (const [name, change] of Object.entries(changes)) {
  for (const context of contextModes) {
    for (const goes of ['session', 'model'] as const) {
      test(`${name}, ${context}: the ${goes} goes`, async () => {
        const backend = await createCpuBackend({ threads: 1 });
        for (const [what, call] of Object.entries(calls)) {
          const ends = new Set<string>();
          for (let turn = 0; turn < turns; turn += 1) {
            const model = createModel({ ...small, ...change }, backend, { seed: 1, deviation: 0.3 });
            const session = model.createSession({ context });
            const other = model.createSession({ context: 'states' });
            await session.append([7, 8, 9, 7, 8, 9, 1]);
            await other.append([5, 6]);
            const end = codeOf(() => call(session, other));
            for (let left = turn; left > 0; left -= 1) await null;
            if (goes === 'model') model.dispose();
            else session.dispose();
            const code = await end;
            expect(['done', 'DISPOSED'], `${what}, after ${turn} turns`).toContain(code);
            ends.add(code);
            expect(() => session.tokens, what).toThrow(DisposedError);
            expect([session.length, other.length], what).toEqual([0, goes === 'model' ? 0 : 2]);
            model.dispose();
            const { liveTotal, host } = backend.ledger.snapshot();
            expect([liveTotal, host], `bytes after ${what}, after ${turn} turns`).toEqual([0, 0]);
          }
          expect([...ends].sort(), what).toEqual(['DISPOSED', 'done']);
        }
        backend.dispose();
      });
    }
  }
}
