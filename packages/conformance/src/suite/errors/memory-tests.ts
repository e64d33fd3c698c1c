/**
 * Out of memory at the n-th allocation, for every n until the work succeeds: it fails by name, the ledger is as before,
 * and the session goes on as if nothing had been asked.
 */

import { type Backend, InAttentionError, purposes } from '@inattention/core';
import { type ContextMode, contextModes, type ModelConfig } from '@inattention/core/math';
import type { Model, Session } from '@inattention/model';
import { expectFailure, expectSame, expectThat } from '../assertions.ts';
import { expectNothingHeld, type Group, type Trial } from '../conformance-group.ts';
import { expectFresh } from '../contexts/session-checks.ts';
import { randomIds, smallModel } from '../small-models.ts';
import { type FailingBackend, failingBackend } from './wrapped-backend.ts';

export function memoryTests(group: Group): void {
  group.describe('out of memory', () => {
    for (const [name, config] of group.smallModels) {
      for (const mode of contextModes) {
        group.test(`${name}: ${mode}`, (trial) => checkSession(trial, config, mode));
      }
      group.test(`${name}: making a model`, (trial) => checkModel(trial, config));
    }
    group.test('more than there is', (trial) => checkTooMuch(trial));
  });
}

/** Ids of the session all failures happen to: one short of a page. */
const length = 255;

async function checkSession(trial: Trial, config: ModelConfig, mode: ContextMode): Promise<void> {
  const failing = failingBackend(trial.backend);
  using model = smallModel(failing.backend, config);
  const ids = randomIds(length, config.vocabSize >> 1, 7);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  await session.nextLogits();
  const unchanged = (what: string) => expectFresh(trial, session, ids, what);
  const works: Readonly<Record<string, () => Promise<unknown>>> = {
    fork: async () => (await session.fork()).dispose(),
    logits: () => session.logitsAt([3, length - 1]),
    losses: () => session.lossAt([3, 9], [1, 2]),
    weights: () => session.attentionWeights(config.numHiddenLayers - 1),
    restore: async () => (await model.restoreSession(await session.save())).dispose(),
  };
  for (const [what, work] of Object.entries(works)) await eachFailure(failing, what, work, unchanged);
  // New ids take rows of the table and pages of everything.
  const more = randomIds(300, config.vocabSize, 8);
  await eachFailure(failing, 'append', () => session.append(more), unchanged);
  await expectFresh(trial, session, [...ids, ...more], 'after the append that succeeded');
  const longer = [...ids, ...more];
  const edited = [...longer.slice(0, 5), ...more.slice(0, 90), ...longer.slice(7)];
  const still = (what: string) => expectFresh(trial, session, longer, what);
  await eachFailure(failing, 'replace', () => session.replace(5, 2, more.slice(0, 90)), still);
  await expectFresh(trial, session, edited, 'after the edit that succeeded');
  await prefillFailures(trial, failing, model, session, edited);
}

/** Fails the first allocation of `work`, then the second, and so on, until it succeeds. */
async function eachFailure(
  { backend, failAfter, disarm }: FailingBackend,
  what: string,
  work: () => Promise<unknown>,
  unchanged: (what: string) => Promise<void>,
): Promise<void> {
  let failures = 0;
  for (let allowed = 0; ; allowed += allowed < 30 ? 1 : 1 + (allowed >> 2)) {
    const before = bytesOf(backend);
    failAfter(allowed);
    const error = await outcome(work);
    if (!disarm()) {
      if (error !== undefined) throw error;
      break;
    }
    failures += 1;
    const where = `${what}, failing after ${allowed} allocations`;
    expectThat(InAttentionError.isInstance(error, 'OUT_OF_MEMORY'), `${where}: ${String(error)}`);
    for (const [name, bytes] of Object.entries(bytesOf(backend)))
      expectSame(bytes, before[name], `bytes of ${name}, ${where}`);
    if (failures % 8 === 1) await unchanged(where);
  }
  expectThat(failures > 0, `${what} allocates nothing: it cannot fail.`);
}

/** What went wrong, or undefined. */
async function outcome(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function bytesOf({ ledger }: Backend): Record<string, number> {
  const { live, host } = ledger.snapshot();
  return { ...Object.fromEntries(purposes.map((purpose) => [purpose, live[purpose]])), host };
}

/** A prefill of self layers that fails may keep the pieces it has finished; the logits come all the same. */
async function prefillFailures(
  trial: Trial,
  { failAfter, disarm }: FailingBackend,
  model: Model,
  session: Session,
  ids: readonly number[],
): Promise<void> {
  for (const allowed of [0, 1, 5, 20, 60]) {
    await session.replace(0, 1, [ids[0] as number]); // self layers have everything to do again
    failAfter(allowed);
    const error = await outcome(() => session.nextLogits());
    if (disarm()) expectThat(InAttentionError.isInstance(error, 'OUT_OF_MEMORY'), `prefill: ${String(error)}`);
    await expectFresh(trial, session, ids, `after a prefill that failed after ${allowed} allocations`);
  }
  expectThat(model.backend.ledger.live('gradients') === 0, 'Inference left gradients.');
}

/** A model that cannot be made leaves nothing behind. */
async function checkModel(trial: Trial, config: ModelConfig): Promise<void> {
  const { backend, failAfter, disarm } = failingBackend(trial.backend);
  for (let allowed = 0; ; allowed += 1) {
    failAfter(allowed);
    const error = await outcome(async () => smallModel(backend, config).dispose());
    const failed = disarm();
    expectNothingHeld(trial.backend);
    if (!failed) break;
    expectThat(InAttentionError.isInstance(error, 'OUT_OF_MEMORY'), `making a model: ${String(error)}`);
  }
}

/** Where the backend knows its limits: beyond them it refuses, and goes on. */
async function checkTooMuch({ backend }: Trial): Promise<void> {
  const { maxTotalBytes, maxBufferBytes } = backend.capabilities;
  for (const bytes of [maxTotalBytes, maxBufferBytes].filter(Number.isFinite)) {
    const tooMuch = bytes + 4;
    const take = async () => {
      const buffer = backend.allocate(tooMuch, 'scratch');
      backend.free(buffer);
      await backend.sync();
    };
    await expectFailure(take, 'OUT_OF_MEMORY', `an allocation of ${tooMuch} bytes`);
  }
  if (Number.isFinite(maxTotalBytes)) {
    await expectFailure(() => backend.reserve(maxTotalBytes * 2), 'OUT_OF_MEMORY', 'a reservation of twice as much');
  }
  expectNothingHeld(backend);
  const buffer = backend.allocate(64, 'scratch');
  backend.write(buffer, 0, Float32Array.of(1, 2, 3));
  expectSame(new Float32Array(await backend.read(buffer, 0, 12)), [1, 2, 3], 'memory after a refusal');
  backend.free(buffer);
}
