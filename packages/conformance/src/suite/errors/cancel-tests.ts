/** Cancelled work leaves the session as it was: appends between their pieces, prefill, scoring, generation. */

import { type ContextMode, contextModes, type ModelConfig } from '@inattention/core/math';
import { generate, type Model, type Progress, type Session } from '@inattention/model';
import { expectFailure, expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { expectFresh } from '../contexts/session-checks.ts';
import { randomIds, smallModel } from '../small-models.ts';

export function cancelTests(group: Group): void {
  group.describe('cancelled', () => {
    for (const [name, config] of group.smallModels) {
      // An append is interrupted between pieces of 4,096 ids.
      const long = { ...config, maxPositionEmbeddings: 6000 };
      for (const mode of contextModes) {
        group.test(`${name}: ${mode}`, (trial) => checkCancelled(trial, long, mode));
      }
    }
  });
}

async function checkCancelled(trial: Trial, config: ModelConfig, mode: ContextMode): Promise<void> {
  using model = smallModel(trial.backend, config);
  const ids = randomIds(300, config.vocabSize, 13);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  await session.nextLogits();
  const before = trial.backend.ledger.snapshot();
  // Rows of the table may stay: they belong to the model, and serve whoever asks next.
  const unchanged = async (what: string) => {
    const { live, host } = trial.backend.ledger.snapshot();
    expectSame(live.context, before.live.context, `context bytes after ${what}`);
    expectSame(host, before.host, `host bytes after ${what}`);
    await expectFresh(trial, session, ids, `after ${what}`);
  };
  await expectFailure(() => session.append([1], { signal: AbortSignal.abort() }), 'ABORTED', 'an append');
  await unchanged('an append cancelled before it began');
  await cancelDuring('append', (options) => session.append(randomIds(5000, config.vocabSize, 14), options));
  await unchanged('an append cancelled half way');
  await expectFailure(() => session.nextLogits({ signal: AbortSignal.abort() }), 'ABORTED', 'logits');
  await unchanged('logits cancelled');
  await cancelGeneration(session);
  await unchanged('a generation cancelled before it began');
  await cancelPrefill(trial, model, session, ids);
}

interface Cancellable {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** Cancels at the first progress of `stage`; the work must be interrupted there. */
async function cancelDuring(stage: Progress['stage'], work: (options: Cancellable) => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  let reports = 0;
  const onProgress = (progress: Progress) => {
    if (progress.stage !== stage) return;
    reports += 1;
    expectThat(progress.done > 0 && progress.done < progress.total, `${stage}: ${progress.done} of ${progress.total}`);
    controller.abort();
  };
  await expectFailure(() => work({ signal: controller.signal, onProgress }), 'ABORTED', `${stage}, half way`);
  expectSame(reports, 1, `progress reports before ${stage} ended`);
}

async function cancelGeneration(session: Session): Promise<void> {
  const { length } = session;
  const tokens = generate(session, { maxTokens: 3, signal: AbortSignal.abort() });
  await expectFailure(() => tokens.next(), 'ABORTED', 'a generation');
  expectSame(session.length, length, 'ids after a cancelled generation');
}

/** A cancelled prefill keeps what it has done, and goes on from there; a model without self layers has none. */
async function cancelPrefill(trial: Trial, model: Model, session: Session, ids: readonly number[]): Promise<void> {
  if (model.config.attentionTypes.lastIndexOf('self') < 1) return;
  const more = randomIds(700, model.config.vocabSize, 15);
  await session.append(more);
  await cancelDuring('prefill', (options) => session.nextLogits(options));
  await expectFresh(trial, session, [...ids, ...more], 'after a prefill cancelled half way');
}
