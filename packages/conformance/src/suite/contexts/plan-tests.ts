/** plan() = the ledger, byte for byte: at page edges, after appending by pieces, in both dtypes; and 0 afterwards. */

import { type ContextDType, type ContextMode, contextModes, type ModelConfig } from '@inattention/core/math';
import { expectSame } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { randomIds, smallModel } from '../small-models.ts';
import { expectPlanned } from './session-checks.ts';

/** Lengths reached one after the other. */
const lengths = [1, 255, 256, 257, 300, 512, 513, 700];

export function planTests(group: Group): void {
  const dtypes = group.capabilities.contextDTypes.filter((dtype) => dtype === 'f32' || dtype === 'f16');
  group.describe('plan() is the ledger', () => {
    for (const [name, config] of group.smallModels) {
      for (const mode of contextModes) {
        for (const dtype of dtypes)
          group.test(`${name}: ${mode}, ${dtype}`, (trial) => checkPlan(trial, config, mode, dtype));
      }
    }
  });
}

async function checkPlan({ backend }: Trial, config: ModelConfig, mode: ContextMode, dtype: ContextDType) {
  // Few distinct ids at first, then over a page of them: the table grows by pages too.
  const vocabulary = { ...config, vocabSize: 400 };
  const ids = [...randomIds(300, 50, 1), ...randomIds(400, 400, 2)];
  using model = smallModel(backend, vocabulary);
  for (let round = 0; round < 2; round += 1) {
    using session = model.createSession({ context: mode, dtype });
    let length = 0;
    for (const next of lengths) {
      await session.append(ids.slice(length, next));
      length = next;
      await session.nextLogits(); // self layers keep keys and values from now on
      if (round === 0) expectPlanned(model, session, ids.slice(0, length), `${length} ids`);
    }
    // The second session finds the table as the first left it.
    if (round === 1) expectPlanned(model, session, ids, 'a second session');
  }
  expectSame(backend.ledger.live('context'), 0, 'context bytes after the sessions');
  expectSame(backend.ledger.snapshot().host, 0, 'host bytes after the sessions');
}
