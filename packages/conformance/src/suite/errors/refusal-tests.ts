/** Bad input to a session: an error by name, and everything as before. */

import { type ContextMode, contextModes, type ModelConfig } from '@inattention/core/math';
import { createModel, type Model } from '@inattention/model';
import { expectFailure, expectSame } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { expectFresh, plannedRow } from '../contexts/session-checks.ts';
import { randomIds, smallConfigs, smallModel } from '../small-models.ts';

export function refusalTests(group: Group): void {
  group.describe('refused', () => {
    for (const [name, config] of group.smallModels) {
      for (const mode of contextModes) {
        group.test(`${name}: ${mode}`, (trial) => checkRefusals(trial, config, mode));
      }
    }
    group.test('a context longer than learned positions', (trial) => checkPositions(trial));
    group.test('a table over its budget', (trial) => checkTableBudget(trial));
  });
}

async function checkRefusals(trial: Trial, config: ModelConfig, mode: ContextMode): Promise<void> {
  const { vocabSize } = config;
  const ids = randomIds(260, vocabSize, 5);
  using model = smallModel(trial.backend, config);
  const budget = plannedRow(model.createSession({ context: mode }), Array(512).fill(0)).contextBytes;
  using session = model.createSession({ context: mode, budget });
  await session.append(ids);
  await session.nextLogits();
  const before = trial.backend.ledger.snapshot();
  const unchanged = async (what: string) => {
    const { live, host, liveTotal } = trial.backend.ledger.snapshot();
    expectSame(live.context, before.live.context, `context bytes after ${what}`);
    expectSame(liveTotal, before.liveTotal, `bytes after ${what}`);
    expectSame(host, before.host, `host bytes after ${what}`);
    await expectFresh(trial, session, ids, `after ${what}`);
  };
  for (const bad of [[vocabSize], [-1], [0.5], [Number.NaN], [1, 2, 2 ** 32], [Number.POSITIVE_INFINITY]]) {
    await expectFailure(() => session.append(bad), 'TOKEN_OUT_OF_RANGE', `append of ${bad.join()}`);
    await expectFailure(() => session.replace(3, 1, bad), 'TOKEN_OUT_OF_RANGE', `an edit with ${bad.join()}`);
  }
  await unchanged('bad ids');
  await expectFailure(
    () => session.append(randomIds(300, vocabSize, 6)),
    'BUDGET_EXCEEDED',
    'an append over the budget',
  );
  await expectFailure(
    () => session.insert(3, randomIds(300, vocabSize, 6)),
    'BUDGET_EXCEEDED',
    'an edit over the budget',
  );
  await unchanged('a budget exceeded');
  for (const [start, count] of [
    [250, 20],
    [-1, 0],
    [261, 0],
    [0.5, 1],
    [0, -1],
    [Number.NaN, 0],
  ] as const) {
    await expectFailure(
      () => session.replace(start, count, [1]),
      'INVALID_ARGUMENT',
      `an edit of ${count} at ${start}`,
    );
  }
  for (const position of [260, -1, 0.5, Number.NaN]) {
    await expectFailure(() => session.logitsAt([position]), 'INVALID_ARGUMENT', `logits at ${position}`);
    await expectFailure(() => session.attentionWeights(0, position), 'INVALID_ARGUMENT', `weights at ${position}`);
    await expectFailure(() => session.lossAt([position], [1]), 'INVALID_ARGUMENT', `a loss at ${position}`);
  }
  for (const layer of [-1, 3, 0.5]) {
    await expectFailure(() => session.attentionWeights(layer), 'INVALID_ARGUMENT', `weights of layer ${layer}`);
  }
  await expectFailure(() => session.lossAt([1], [vocabSize]), 'TOKEN_OUT_OF_RANGE', 'a target out of range');
  await expectFailure(() => session.lossAt([1, 2], [1]), 'INVALID_ARGUMENT', 'fewer targets than positions');
  await unchanged('refusals');
  await emptyContext(model, mode);
}

/** An empty context has no logits; it is not an error to have one. */
async function emptyContext(model: Model, mode: ContextMode): Promise<void> {
  using empty = model.createSession({ context: mode });
  await empty.append([]);
  await expectFailure(() => empty.nextLogits(), 'INVALID_ARGUMENT', 'logits of an empty context');
  await expectFailure(() => empty.attentionWeights(0), 'INVALID_ARGUMENT', 'weights of an empty context');
  expectSame(empty.contextBytes, 0, 'bytes of an empty context');
}

async function checkPositions(trial: Trial): Promise<void> {
  const config = { ...(smallConfigs['learned, w = 2'] as ModelConfig), maxPositionEmbeddings: 300 };
  using model = smallModel(trial.backend, config);
  const ids = randomIds(299, config.vocabSize, 16);
  for (const context of contextModes) {
    using session = model.createSession({ context });
    await session.append(ids);
    await expectFailure(() => session.append([1, 2]), 'UNSUPPORTED', `${context}: beyond the last position`);
    await expectFailure(() => session.insert(0, [1, 2]), 'UNSUPPORTED', `${context}: an insert beyond it`);
    await session.append([1]);
    await expectFresh(trial, session, [...ids, 1], `${context}: up to the last position`);
  }
}

async function checkTableBudget(trial: Trial): Promise<void> {
  const config = { ...(smallConfigs['rope, w = 3'] as ModelConfig), vocabSize: 600 };
  using probe = smallModel(trial.backend, config);
  const onePage = probe.plan({ tokens: 256, distinct: 256 }).rows.find(({ mode }) => mode === 'tables')?.tableBytes;
  using model = createModel(config, trial.backend, {
    seed: 8,
    deviation: 0.3,
    windowDeviation: 0.3,
    tableBudget: onePage ?? 0,
  });
  const many = Array.from({ length: 300 }, (_, id) => id);
  using session = model.createSession({ context: 'tables' });
  await session.append(many.slice(0, 200));
  await expectFailure(() => session.append(many), 'BUDGET_EXCEEDED', 'more ids than the table may have');
  await expectFresh(trial, session, many.slice(0, 200), 'after the refusal');
  // Ids that no context uses any more give way, and come back.
  await session.remove(0, 150);
  await session.insert(0, many.slice(200, 300));
  const now = [...many.slice(200, 300), ...many.slice(150, 200)];
  await expectFresh(trial, session, now, 'with rows that took the place of others');
  await session.append(many.slice(0, 50));
  await expectFresh(trial, session, [...now, ...many.slice(0, 50)], 'with rows that came back');
  expectSame(model.tableBytes, onePage, 'bytes of the table');
}
