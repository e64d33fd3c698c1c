/**
 * Thousands of random operations over populations of sessions, in all modes at once: appends, edits, forks, saves,
 * decoding, cancelling, refusals. After each one the ledger says, purpose by purpose and to the byte, what the mirror
 * (session-mirror.ts) does, and now and then a session's logits are those of a fresh one. Failures are shrunk, and
 * repeated by their seed.
 */

import { type ContextDType, contextModes, type ModelConfig, tableBytes, weightBytes } from '@inattention/core/math';
import fc from 'fast-check';
import { expectSame, expectThat } from '../assertions.ts';
import { expectNothingHeld, type Group, type Trial } from '../conformance-group.ts';
import { smallConfigs, smallModel } from '../small-models.ts';
import { type LedgerAction, Population } from './population.ts';
import { expectFresh } from './session-checks.ts';

/** What the backend may hold, live and reserved, beyond the highest it ever had live. */
const reservedBytes = 4 * 1024 ** 2;

/** Operations between two looks at a session's logits; the last of a sequence has one too. */
const logitsInterval = 50;

/** What a table with a budget has room for, in f32. */
const [budgetIds, budgetPositions] = [256, 512];

const kinds = { pure: 'inattention', hybrid: 'self' } as const;
const positions = ['rope', 'alibi', 'learned', 'none'] as const;
const windows = [1, 3] as const;

/** Registers the test of `operations` operations in all, in equal parts for every kind of model. */
export function ledgerTests(group: Group, operations: number, seed = 20_241_124): void {
  const dtypes = (['f32', 'f16'] as const).filter((dtype) => group.capabilities.contextDTypes.includes(dtype));
  const count = Math.ceil(operations / (Object.keys(kinds).length * positions.length * windows.length));
  group.describe(`the ledger through ${operations} operations, seed ${seed}`, () => {
    for (const [kind, middle] of Object.entries(kinds)) {
      for (const positionEmbeddingType of positions) {
        for (const initialStateWindow of windows) {
          const config: ModelConfig = {
            ...(smallConfigs['rope, w = 3'] as ModelConfig),
            vocabSize: 300,
            maxPositionEmbeddings: 7000,
            attentionTypes: ['inattention', middle, 'inattention'],
            positionEmbeddingType,
            initialStateWindow,
          };
          group.test(`${kind}, ${positionEmbeddingType}, w = ${initialStateWindow}`, (trial) =>
            checkLedger(trial, config, dtypes, count, seed),
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
  seed: number,
): Promise<void> {
  let done = 0;
  let failed = false;
  const property = fc.asyncProperty(sequences(dtypes), fc.boolean(), async (actions, budgeted) => {
    if (done >= count && !failed) return;
    try {
      await runSequence(trial, config, actions, budgeted);
      done += actions.length;
    } catch (error) {
      failed = true;
      throw error;
    }
  });
  await fc.assert(property, { seed, numRuns: count });
  expectThat(done >= count, `Only ${done} of ${count} operations were made.`);
}

function sequences(dtypes: readonly ContextDType[]): fc.Arbitrary<LedgerAction[]> {
  const which = fc.nat(999);
  const at = fc.nat(1000);
  const ids = fc.record({
    count: fc.oneof({ weight: 3, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.nat(400) }),
    bound: fc.constantFrom(20, 300),
    seed: fc.nat(9999),
  });
  const count = fc.oneof(fc.nat(5), fc.nat(400));
  const mode = fc.constantFrom(...contextModes);
  const kind = <Kind extends string>(name: Kind) => fc.constant(name);
  return fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: kind('append'), which, ids }) },
      { weight: 8, arbitrary: fc.record({ kind: kind('edit'), which, at, count, ids }) },
      { weight: 4, arbitrary: fc.record({ kind: kind('decode'), which }) },
      { weight: 3, arbitrary: fc.record({ kind: kind('fork'), which }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: kind('create'),
          which,
          mode,
          dtype: fc.constantFrom(...dtypes),
          limited: fc.boolean(),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: kind('dispose'), which }) },
      { weight: 2, arbitrary: fc.record({ kind: kind('restore'), which, mode }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: kind('cancel'), which, what: fc.constantFrom('append', 'logits', 'restore') }),
      },
      { weight: 1, arbitrary: fc.record({ kind: kind('interrupt'), which, seed: fc.nat(9999) }) },
      {
        weight: 3,
        arbitrary: fc.record({ kind: kind('refuse'), which, why: fc.constantFrom('ids', 'range', 'budget') }),
      },
    ),
    { minLength: 1, maxLength: 120, size: 'max' },
  );
}

/** On a backend of its own, so that what it holds depends on the sequence alone. */
async function runSequence(
  trial: Trial,
  config: ModelConfig,
  actions: readonly LedgerAction[],
  budgeted: boolean,
): Promise<void> {
  const backend = await trial.createBackend();
  try {
    const tableBudget = budgeted ? tableBytes(config, budgetIds, budgetPositions, 'f32') : Number.POSITIVE_INFINITY;
    const model = smallModel(backend, config, { tableBudget });
    const population = new Population(model, tableBudget);
    for (const [step, action] of actions.entries()) {
      const what = `after step ${step}: ${action.kind}`;
      const chosen = await population.perform(action);
      expectLedger(population, what);
      const look = step % logitsInterval === logitsInterval - 1 || step === actions.length - 1;
      if (!look || chosen === null) continue;
      await expectFresh(trial, chosen.session, chosen.mirror.ids, what);
      chosen.mirror.prefill();
      expectLedger(population, `logits ${what}`);
    }
    population.dispose();
    expectLedger(population, 'at the end');
    expectSame(backend.ledger.live('context'), 0, 'bytes of contexts at the end');
    model.dispose();
    expectNothingHeld(backend);
  } finally {
    backend.dispose();
  }
}

/** The ledger is the mirror; a table with a budget keeps it, and holds at least the ids in use. */
function expectLedger(population: Population, what: string): void {
  const { model, mirror, members } = population;
  const { backend, config } = model;
  const { live, host, peakLive, peakTotal } = backend.ledger.snapshot();
  expectSame(live.weights, weightBytes(config), `weights ${what}`);
  expectSame(live.context, mirror.pages.bytes, `contexts ${what}`);
  expectSame(host, mirror.host.bytes, `host bytes ${what}`);
  expectSame(live.activations, 0, `activations ${what}`);
  expectSame(live.scratch + live.gradients + live.optimizer, 0, `scratch ${what}`);
  expectThat(peakTotal <= peakLive + reservedBytes, `${peakTotal} bytes held, ${peakLive} live at most, ${what}`);
  expectSame(model.tableBytes, live.table, `the model's count of its tables ${what}`);
  if (population.tableBudget === Number.POSITIVE_INFINITY) expectSame(live.table, mirror.tableBytes, `tables ${what}`);
  else population.expectTablesInBudget(what);
  for (const { session, mirror: one } of members) {
    expectSame(session.length, one.ids.length, `length ${what}`);
    expectSame(session.contextBytes, one.bytes, `a session's own count ${what}`);
    expectSame(session.hostBytes, one.hostBytes, `a session's host bytes ${what}`);
  }
}
