/**
 * Random sequences of everything a session can do, in every mode: at each step the ids are right, at the end the logits
 * are those of a fresh session, and the bytes are what plan() says. A failure is shrunk, and repeated by its seed.
 */

import { type ContextMode, contextModes, type ModelConfig } from '@inattention/core/math';
import type { Model, Session } from '@inattention/model';
import fc from 'fast-check';
import { expectFailure, expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { smallModel } from '../small-models.ts';
import { expectFresh, plannedRow } from './session-checks.ts';

/** One thing done to a session; places are in thousandths of its length, counts end where it does. */
type Action =
  | { readonly kind: 'append'; readonly ids: number[] }
  | { readonly kind: 'insert'; readonly at: number; readonly ids: number[] }
  | { readonly kind: 'remove'; readonly at: number; readonly count: number }
  | { readonly kind: 'replace'; readonly at: number; readonly count: number; readonly ids: number[] }
  | { readonly kind: 'fork'; readonly keepFork: boolean }
  | { readonly kind: 'cancel'; readonly ids: number[] }
  | { readonly kind: 'read' };

/** Registers the tests of `sequences` sequences for each model and mode. */
export function randomTests(group: Group, sequences: number, seed = 20_240_601): void {
  group.describe(`${sequences} random sequences, seed ${seed}`, () => {
    for (const [name, config] of group.smallModels) {
      for (const mode of contextModes) {
        group.test(`${name}: ${mode}`, (trial) => checkSequences(trial, config, mode, sequences, seed));
      }
    }
  });
}

/** Ids in pieces small and large: up to a page and a half. */
function idsOf(vocabSize: number): fc.Arbitrary<number[]> {
  const id = fc.integer({ min: 0, max: vocabSize - 1 });
  return fc.oneof(fc.array(id, { maxLength: 5 }), fc.array(id, { minLength: 120, maxLength: 380, size: 'max' }));
}

function actions(vocabSize: number): fc.Arbitrary<Action[]> {
  const ids = idsOf(vocabSize);
  const at = fc.integer({ min: 0, max: 1000 });
  const count = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 400 }));
  return fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('append' as const), ids }),
      fc.record({ kind: fc.constant('insert' as const), at, ids }),
      fc.record({ kind: fc.constant('remove' as const), at, count }),
      fc.record({ kind: fc.constant('replace' as const), at, count, ids }),
      fc.record({ kind: fc.constant('fork' as const), keepFork: fc.boolean() }),
      fc.record({ kind: fc.constant('cancel' as const), ids }),
      fc.record({ kind: fc.constant('read' as const) }),
    ),
    { minLength: 1, maxLength: 10, size: 'max' },
  );
}

async function checkSequences(
  trial: Trial,
  config: ModelConfig,
  mode: ContextMode,
  sequences: number,
  seed: number,
): Promise<void> {
  using model = smallModel(trial.backend, config);
  const property = fc.asyncProperty(actions(config.vocabSize), (sequence) => runSequence(trial, model, mode, sequence));
  await fc.assert(property, { seed, numRuns: sequences });
}

async function runSequence(trial: Trial, model: Model, mode: ContextMode, sequence: readonly Action[]): Promise<void> {
  let ids: number[] = [1, 2, 3];
  let session = model.createSession({ context: mode });
  const others: { readonly session: Session; readonly ids: readonly number[] }[] = [];
  try {
    await session.append(ids);
    for (const [step, action] of sequence.entries()) {
      if (action.kind === 'fork') {
        const fork = await session.fork();
        others.push({ session: action.keepFork ? fork : session, ids });
        if (!action.keepFork) session = fork;
      } else {
        ids = await perform(session, ids, action, model.config.maxPositionEmbeddings);
      }
      expectSame(session.tokens, ids, `ids after step ${step}`);
      expectSame(trial.backend.ledger.live('scratch'), 0, `scratch after step ${step}`);
    }
    for (const other of others) await expectFresh(trial, other.session, other.ids, 'a fork or its parent');
    for (const other of others.splice(0)) other.session.dispose();
    await expectFresh(trial, session, ids, 'the session');
    expectBytes(trial, session, ids);
  } finally {
    for (const other of others) other.session.dispose();
    session.dispose();
  }
  expectSame(trial.backend.ledger.live('context'), 0, 'context bytes afterwards');
  expectSame(trial.backend.ledger.snapshot().host, 0, 'host bytes afterwards');
}

/** Does what an action says; returns the ids afterwards. */
async function perform(
  session: Session,
  ids: number[],
  action: Exclude<Action, { kind: 'fork' }>,
  limit: number,
): Promise<number[]> {
  const start = 'at' in action ? Math.floor((action.at * ids.length) / 1000) : ids.length;
  const count = 'count' in action ? Math.min(action.count, ids.length - start) : 0;
  const inserted = 'ids' in action ? action.ids.slice(0, limit - ids.length + count) : [];
  switch (action.kind) {
    case 'read':
      if (ids.length > 0) await session.nextLogits();
      return ids;
    case 'cancel': {
      const controller = new AbortController();
      controller.abort();
      const { signal } = controller;
      await expectFailure(() => session.append(inserted, { signal }), 'ABORTED', 'a cancelled append');
      return ids;
    }
    case 'append':
      await session.append(inserted);
      break;
    default:
      await session.replace(start, count, inserted);
  }
  return [...ids.slice(0, start), ...inserted, ...ids.slice(start + count)];
}

/** The only session left holds exactly what it says, and what plan() says; states may keep rows for later. */
function expectBytes({ backend }: Trial, session: Session, ids: readonly number[]): void {
  const { live, host } = backend.ledger.snapshot();
  expectSame(live.context, session.contextBytes, 'context bytes of the only session');
  const { contextBytes, hostBytes } = plannedRow(session, ids);
  expectSame(host, hostBytes, 'host bytes of the only session');
  if (session.mode !== 'states') expectSame(live.context, contextBytes, 'context bytes and plan()');
  else expectThat(live.context >= contextBytes, 'states hold less than plan() says');
  const bound = session.model.plan({ tokens: session.model.config.maxPositionEmbeddings, dtype: session.dtype });
  const most = bound.rows.find(({ mode }) => mode === session.mode)?.contextBytes ?? 0;
  expectThat(
    live.context <= 3 * most,
    `${live.context} bytes of context are held, ${most} are the most a session needs`,
  );
}
