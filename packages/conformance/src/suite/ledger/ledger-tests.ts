/**
 * Thousands of random operations over populations of sessions, in all modes at once: appends, edits, forks, saves,
 * decoding, new weights, cancelling, disposal half way, refusals. After each one the ledger says, purpose by purpose and
 * to the byte, what the mirror (session-mirror.ts) does, and now and then a session's logits are those of a fresh one.
 * Failures are shrunk, and repeated by their seed.
 */

import { type ContextDType, type ModelConfig, tableBytes, weightBytes } from '@inattention/core/math';
import fc from 'fast-check';
import { expectSame, expectThat } from '../assertions.ts';
import { expectNothingHeld, type Group, type Trial } from '../conformance-group.ts';
import { expectFresh } from '../contexts/session-checks.ts';
import { smallConfigs, smallModel } from '../small-models.ts';
import { actionSequences, type LedgerAction, vocabularySize } from './ledger-actions.ts';
import { Population, tableRefused } from './population.ts';

/** Operations between two looks at a session's logits; the last of a sequence has one too. */
const logitsInterval = 50;

/** What a table with a budget has room for, in f32. */
const [budgetIds, budgetPositions] = [256, 512];

/** From this many operations of a kind of model on, all ends are to have been seen. */
const enoughForAllEnds = 500;

/** What happens now and then, and must have for the test to mean something. */
const rareEnds = [
  tableRefused,
  'restore: done',
  'fork: done',
  'together: done',
  'weights: done',
  'cancel: ABORTED',
  'interrupt: append',
  'interrupt: positions',
  'depart: append',
  'depart: positions',
  'refuse: TOKEN_OUT_OF_RANGE',
  'refuse: INVALID_ARGUMENT',
  'refuse: INVALID_FILE',
  'refuse: BUDGET_EXCEEDED',
];

const kinds = { pure: 'inattention', hybrid: 'self' } as const;
const positions = ['rope', 'alibi', 'learned', 'none'] as const;
const windows = [1, 3] as const;

/**
 * Registers the test of `operations` operations in all, in equal parts for every kind of model. `reserved`: bytes the
 * backend may hold beyond the highest it ever had live.
 */
export function ledgerTests(group: Group, operations: number, reserved: number, seed = 20_241_124): void {
  const dtypes = (['f32', 'f16'] as const).filter((dtype) => group.capabilities.contextDTypes.includes(dtype));
  const count = Math.ceil(operations / (Object.keys(kinds).length * positions.length * windows.length));
  group.describe(`the ledger through ${operations} operations, seed ${seed}`, () => {
    for (const [kind, middle] of Object.entries(kinds)) {
      for (const positionEmbeddingType of positions) {
        for (const initialStateWindow of windows) {
          const config: ModelConfig = {
            ...(smallConfigs['rope, w = 3'] as ModelConfig),
            vocabSize: vocabularySize,
            maxPositionEmbeddings: 7000,
            attentionTypes: ['inattention', middle, 'inattention'],
            positionEmbeddingType,
            initialStateWindow,
          };
          group.test(`${kind}, ${positionEmbeddingType}, w = ${initialStateWindow}`, (trial) =>
            checkLedger(trial, config, dtypes, count, reserved, seed),
          );
        }
      }
    }
  });
}

async function checkLedger(
  trial: Trial,
  config: ModelConfig,
  dtypes: readonly ContextDType[],
  count: number,
  reserved: number,
  seed: number,
): Promise<void> {
  const ends = new Set<string>();
  let done = 0;
  let failed = false;
  const property = fc.asyncProperty(actionSequences(dtypes), fc.boolean(), async (actions, budgeted) => {
    if (done >= count && !failed) return;
    try {
      for (const end of await runSequence(trial, config, actions, budgeted, reserved)) ends.add(end);
      done += actions.length;
    } catch (error) {
      failed = true;
      throw error;
    }
  });
  await fc.assert(property, { seed, numRuns: count });
  expectThat(done >= count, `Only ${done} of ${count} operations were made.`);
  if (count >= enoughForAllEnds) expectEnds(config, ends);
}

function expectEnds({ attentionTypes, positionEmbeddingType }: ModelConfig, ends: ReadonlySet<string>): void {
  const hybrid = attentionTypes.includes('self') ? ['interrupt: prefill', 'depart: prefill'] : [];
  const learned = positionEmbeddingType === 'learned' ? ['refuse: UNSUPPORTED'] : [];
  for (const end of [...rareEnds, ...hybrid, ...learned]) expectThat(ends.has(end), `It never came to "${end}".`);
}

/** On a backend of its own, so that what it holds depends on the sequence alone. Returns how work has ended. */
async function runSequence(
  trial: Trial,
  config: ModelConfig,
  actions: readonly LedgerAction[],
  budgeted: boolean,
  reserved: number,
): Promise<ReadonlySet<string>> {
  const backend = await trial.createBackend();
  try {
    const tableBudget = budgeted ? tableBytes(config, budgetIds, budgetPositions, 'f32') : Number.POSITIVE_INFINITY;
    const model = smallModel(backend, config, { tableBudget });
    const population = new Population(model, tableBudget);
    for (const [step, action] of actions.entries()) {
      const what = `after step ${step}: ${action.kind}`;
      const chosen = await population.perform(action);
      expectLedger(population, reserved, what);
      const look = step % logitsInterval === logitsInterval - 1 || step === actions.length - 1;
      if (!look || chosen === null || chosen.mirror.ids.length === 0) continue;
      await expectFresh(trial, chosen.session, chosen.mirror.ids, what);
      chosen.mirror.prefill();
      expectLedger(population, reserved, `logits ${what}`);
    }
    population.dispose();
    expectLedger(population, reserved, 'at the end');
    expectSame(backend.ledger.live('context'), 0, 'bytes of contexts at the end');
    model.dispose();
    expectNothingHeld(backend);
    return population.ends;
  } finally {
    backend.dispose();
  }
}

/** The ledger is the mirror; a table with a budget keeps it, and holds at least the ids in use. */
function expectLedger(population: Population, reserved: number, what: string): void {
  const { model, mirror, members } = population;
  const { backend, config } = model;
  const { live, host, peakLive, peakTotal } = backend.ledger.snapshot();
  expectSame(live.weights, weightBytes(config), `weights ${what}`);
  expectSame(live.context, mirror.pages.bytes, `contexts ${what}`);
  expectSame(host, mirror.host.bytes, `host bytes ${what}`);
  expectSame(live.activations, 0, `activations ${what}`);
  expectSame(live.scratch + live.gradients + live.optimizer, 0, `scratch ${what}`);
  expectThat(peakTotal <= peakLive + reserved, `${peakTotal} bytes held, ${peakLive} live at most, ${what}`);
  expectSame(model.tableBytes, live.table, `the model's count of its tables ${what}`);
  population.expectTables(what);
  for (const { session, mirror: one } of members) {
    expectSame(session.length, one.ids.length, `length ${what}`);
    expectSame(session.contextBytes, one.bytes, `a session's own count ${what}`);
    expectSame(session.hostBytes, one.hostBytes, `a session's host bytes ${what}`);
  }
}
