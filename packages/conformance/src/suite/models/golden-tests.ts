/**
 * Golden cases: what an independent float64 implementation computed. Logits and losses in every context mode, every
 * parameter's gradient, by fused operations and by composed ones.
 */

import { EagerOperations } from '@inattention/core';
import { type ContextDType, type ContextMode, contextModes } from '@inattention/core/math';
import type { Model, Session } from '@inattention/model';
import type { GoldenCase } from '../../golden/golden-case.ts';
import { expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { goldenModel, lossAndGradients } from './golden-model.ts';

/** Tokens decoded one by one at the end of a text. */
const decodedTokens = 6;

export function goldenTests(group: Group, { goldenCases = [], composedCases }: SuiteOptions): void {
  const halves = group.capabilities.contextDTypes.includes('f16');
  for (const { name, load } of goldenCases) {
    const composed = composedCases?.includes(name) ?? true;
    const ways = group.fused.size === 0 ? [false] : composed ? [true, false] : [true];
    group.describe(name, () => {
      for (const mode of contextModes) {
        for (const fused of ways) {
          const how = `${mode}, ${fused ? 'fused' : 'composed'}`;
          group.test(`logits and losses in ${how}`, async (trial) =>
            checkLogits(trial, await load(), { mode, dtype: 'f32', fused }),
          );
        }
        if (halves)
          group.test(`logits of f16 contexts in ${mode}`, async (trial) => checkHalves(trial, await load(), mode));
        group.test(`token by token in ${mode}`, async (trial) => checkDecoding(trial, await load(), mode));
      }
      for (const fused of ways) {
        const how = fused ? 'fused' : 'composed';
        group.test(`every gradient, ${how}`, async (trial) => checkGradients(trial, await load(), fused));
      }
    });
  }
}

interface Way {
  readonly mode: ContextMode;
  readonly dtype: ContextDType;
  readonly fused: boolean;
}

/** The model of a case and a session over its text, both disposed of at the end. */
async function withText(
  { backend }: Trial,
  golden: GoldenCase,
  { mode, dtype, fused }: Way,
  length: number,
  body: (session: Session, model: Model) => Promise<void>,
): Promise<void> {
  using model = goldenModel(backend, new EagerOperations(backend, { fused }), golden);
  using session = model.createSession({ context: mode, dtype });
  await session.append(golden.tokens.slice(0, length));
  await body(session, model);
}

/** Where a case states logits, those logits row by row, and its losses there. */
function expectations({ tokens, lossPositions, ...golden }: GoldenCase) {
  const everywhere = golden.logits !== undefined;
  const logits = golden.logits ?? golden.logitsAtPositions;
  const nll = everywhere ? golden.nll : golden.nllAtPositions;
  const positions = everywhere ? [...tokens.keys()].slice(0, -1) : lossPositions;
  expectThat(logits !== undefined && nll !== undefined, 'The golden case has no logits.');
  expectSame(logits.shape[0], positions.length, 'Rows of logits in the golden case');
  return { positions, nll, logits: logits.data };
}

async function checkLogits(trial: Trial, golden: GoldenCase, way: Way): Promise<void> {
  const { tokens } = golden;
  await withText(trial, golden, way, tokens.length - 1, async (session) => {
    const { positions, logits, nll } = expectations(golden);
    const { dtype } = way;
    const rows = await session.logitsAt(positions);
    const got = Float32Array.from(rows.flatMap((row) => [...row]));
    trial.expectClose(got, logits, { operation: 'logits', dtype, what: `${golden.name}, ${way.mode}` });
    const targets = positions.map((position) => tokens[position + 1] as number);
    const losses = await session.lossAt(positions, targets);
    trial.expectClose(losses, nll, { operation: 'loss', dtype, what: `${golden.name}, ${way.mode}` });
  });
}

/** f16 rows need even lengths; a model with odd ones must refuse by name. */
async function checkHalves(trial: Trial, golden: GoldenCase, mode: ContextMode): Promise<void> {
  const { numKeyValueHeads, headDim, hiddenSize } = golden.config;
  const way = { mode, dtype: 'f16', fused: true } as const;
  if ((numKeyValueHeads * headDim) % 2 === 0 && hiddenSize % 2 === 0) return checkLogits(trial, golden, way);
  let refused = false;
  try {
    await withText(trial, golden, way, 1, async () => {});
  } catch (error) {
    refused = error instanceof Error && 'code' in error && error.code === 'UNSUPPORTED';
  }
  expectThat(refused, 'An f16 context of odd rows was not refused.');
}

/** The last tokens appended one at a time, each answered before the next: what generation does, with ids given. */
async function checkDecoding(trial: Trial, golden: GoldenCase, mode: ContextMode): Promise<void> {
  const { tokens, config } = golden;
  const { positions, logits } = expectations(golden);
  const last = tokens.length - 2;
  const first = golden.logits === undefined ? last : Math.max(0, last - decodedTokens + 1);
  await withText(trial, golden, { mode, dtype: 'f32', fused: true }, first, async (session) => {
    for (let position = first; position <= last; position += 1) {
      await session.append([tokens[position] as number]);
      const got = await session.nextLogits();
      const row = positions.indexOf(position);
      if (row === -1) continue;
      const expected = logits.subarray(row * config.vocabSize, (row + 1) * config.vocabSize);
      trial.expectClose(got, expected, { operation: 'logits', what: `${golden.name}, position ${position}` });
    }
    expectSame(session.length, last + 1, 'Ids in the session');
  });
}

async function checkGradients(trial: Trial, golden: GoldenCase, fused: boolean): Promise<void> {
  const { backend } = trial;
  const { loss, lossAtPositions, lossPositions: positions, gradients, gradientsAtPositions } = golden;
  if (loss !== undefined) {
    compareGradients(trial, await lossAndGradients(backend, golden, { fused }), loss, gradients, 'all positions');
  }
  const chosen = await lossAndGradients(backend, golden, { fused, positions });
  compareGradients(trial, chosen, lossAtPositions, gradientsAtPositions, 'chosen positions');
}

function compareGradients(
  { expectClose }: Trial,
  got: { readonly loss: number; readonly gradients: ReadonlyMap<string, Float32Array> },
  loss: number,
  expected: GoldenCase['gradients'],
  what: string,
): void {
  expectClose([got.loss], [loss], { operation: 'loss', what });
  expectSame([...got.gradients.keys()].sort(), [...expected.keys()].sort(), `parameters with a gradient, ${what}`);
  for (const [name, { data }] of expected) {
    expectClose(got.gradients.get(name) ?? [], data, { operation: 'gradient', what: `${name}, ${what}` });
  }
}
