/** Edits anywhere equal a fresh context; lengths around page edges; forks; saved sessions; attention weights. */

import { type ContextMode, contextModes } from '@inattention/core/math';
import { type Model, parseSession, serializeSession } from '@inattention/model';
import { expectFailure, expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { randomIds, smallModel } from '../small-models.ts';
import { expectFresh } from './session-checks.ts';

type Check = (trial: Trial, model: Model, mode: ContextMode) => Promise<void>;

const checks: Readonly<Record<string, Check>> = {
  'edits at the start, in the middle, at the end and at page edges': checkEdits,
  'lengths around the edges of blocks and pages': checkLengths,
  'append by pieces': checkPieces,
  'forks are independent and survive their parent': checkForks,
  'a saved session comes back': checkSaved,
  'attention weights': checkWeights,
};

export function editTests(group: Group): void {
  for (const [name, config] of group.smallModels) {
    group.describe(name, () => {
      for (const mode of contextModes) {
        for (const [title, check] of Object.entries(checks)) {
          group.test(`${mode}: ${title}`, async (trial) => {
            using model = smallModel(trial.backend, config);
            await check(trial, model, mode);
          });
        }
      }
    });
  }
}

type Edit = readonly [start: number, count: number, inserted: number];

/** Over 530 ids: inserts, removals and replacements. */
const edits: readonly Edit[] = [
  [0, 0, 3],
  [0, 2, 0],
  [0, 1, 1],
  [255, 0, 1],
  [256, 1, 1],
  [257, 1, 0],
  [300, 40, 7],
  [100, 0, 200],
  [511, 2, 2],
  [512, 0, 1],
  [690, 5, 0],
  [694, 0, 2],
];

async function checkEdits(trial: Trial, model: Model, mode: ContextMode): Promise<void> {
  const { vocabSize } = model.config;
  let ids = randomIds(530, vocabSize, 1);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  await session.nextLogits();
  for (const [order, [start, count, inserted]] of edits.entries()) {
    const added = randomIds(inserted, vocabSize, 100 + order);
    if (count === 0) await session.insert(start, added);
    else if (inserted === 0) await session.remove(start, count);
    else await session.replace(start, count, added);
    ids = [...ids.slice(0, start), ...added, ...ids.slice(start + count)];
    await expectFresh(trial, session, ids, `edit ${order}: ${count} ids at ${start} by ${inserted}`);
  }
  await session.remove(0, session.length - 1);
  await expectFresh(trial, session, ids.slice(-1), 'all but the last removed');
  await session.remove(0, 1);
  await session.append(ids.slice(0, 3));
  await expectFresh(trial, session, ids.slice(0, 3), 'filled again after it was empty');
}

async function checkLengths(trial: Trial, model: Model, mode: ContextMode): Promise<void> {
  for (const length of [1, 2, 3, 63, 64, 65, 255, 256, 257, 511, 512, 513]) {
    const ids = randomIds(length, model.config.vocabSize, length);
    using session = model.createSession({ context: mode });
    await session.append(ids);
    await expectFresh(trial, session, ids, `${length} ids`);
  }
}

async function checkPieces(trial: Trial, model: Model, mode: ContextMode): Promise<void> {
  const ids = randomIds(540, model.config.vocabSize, 2);
  using session = model.createSession({ context: mode });
  let length = 0;
  for (const piece of [1, 1, 250, 3, 1, 1, 0, 256, 27]) {
    await session.append(ids.slice(length, length + piece));
    length += piece;
    await expectFresh(trial, session, ids.slice(0, length), `${piece} more make ${length}`);
  }
}

async function checkForks(trial: Trial, model: Model, mode: ContextMode): Promise<void> {
  const ids = randomIds(300, model.config.vocabSize, 3);
  const session = model.createSession({ context: mode });
  await session.append(ids);
  await session.nextLogits();
  using fork = await session.fork();
  await fork.append([1, 2, 3]);
  await session.replace(10, 1, [4, 5]);
  await expectFresh(trial, fork, [...ids, 1, 2, 3], 'the fork');
  await expectFresh(trial, session, [...ids.slice(0, 10), 4, 5, ...ids.slice(11)], 'its parent');
  using second = await fork.fork();
  session.dispose();
  await second.remove(0, 290);
  await expectFresh(trial, second, [...ids.slice(290), 1, 2, 3], 'a fork of the fork');
  await expectFresh(trial, fork, [...ids, 1, 2, 3], 'the fork after its parent');
}

async function checkSaved(trial: Trial, model: Model, mode: ContextMode): Promise<void> {
  const ids = randomIds(270, model.config.vocabSize, 4);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  const bytes = serializeSession(await session.save());
  expectThat(bytes.length < 4 * ids.length + 500, `${bytes.length} bytes for ${ids.length} ids`);
  const saved = parseSession(bytes);
  using restored = await model.restoreSession(saved);
  expectSame(restored.mode, mode, 'mode of the restored session');
  await expectFresh(trial, restored, ids, 'restored');
  const other = { ...saved, model: 'another model' };
  await expectFailure(() => model.restoreSession(other), 'INVALID_FILE', 'a session of another model');
}

async function checkWeights(_trial: Trial, model: Model, mode: ContextMode): Promise<void> {
  const { vocabSize, numAttentionHeads, numHiddenLayers } = model.config;
  const ids = randomIds(300, vocabSize, 10);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  for (const layer of [0, numHiddenLayers - 1]) {
    for (const position of [0, 260, 299]) {
      const what = `layer ${layer}, position ${position}`;
      const heads = await session.attentionWeights(layer, position);
      expectSame(heads.length, numAttentionHeads, `heads, ${what}`);
      for (const weights of heads) {
        expectSame(weights.length, ids.length, `weights, ${what}`);
        const sum = weights.subarray(0, position + 1).reduce((total, weight) => total + weight, 0);
        expectThat(Math.abs(sum - 1) < 1e-4, `The weights sum to ${sum}, ${what}.`);
        const later = weights.subarray(position + 1);
        expectSame(later, new Float32Array(later.length), `weights of later positions, ${what}`);
      }
    }
  }
}
