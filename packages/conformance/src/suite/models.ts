/** Whole models against PyTorch: logits in every context mode, losses, and every gradient, fused and composed. */

import { EagerOperations } from '@inattention/core';
import { type ContextDType, contextModes } from '@inattention/core/math';
import type { GoldenCase } from '../golden/golden-case.ts';
import { goldenModel, lossAndGradients } from './golden-model.ts';
import { check, checkClose, checkEqual, fractionOfLargest, type SuiteOptions, withBackend } from './suite.ts';

/** Of the largest logit, or of the largest gradient of a parameter. */
const logitTolerance = 2e-4;
const gradientTolerance = 1e-3;

/** Of the largest logit, with f16 contexts: 11 bits of keys, values or states, through every layer. */
const halfTolerance = 2e-2;

export function modelSuite(options: SuiteOptions): void {
  const { runner, cases } = options;
  for (const { name, load } of cases) {
    runner.describe(`${options.name}: model ${name}`, () => {
      for (const mode of contextModes) {
        for (const fused of [true, false]) {
          runner.test(`logits and bytes in mode ${mode}, ${fused ? 'fused' : 'composed'}`, () =>
            withBackend(options, async (backend) => {
              const golden = await load();
              using model = goldenModel(backend, new EagerOperations(backend, { fused }), golden);
              await checkLogits(model, golden, mode, 'f32', logitTolerance);
            })(),
          );
        }
        runner.test(`logits with f16 contexts in mode ${mode}`, () =>
          withBackend(options, async (backend) => {
            const golden = await load();
            if (!takesHalf(backend.capabilities.contextDTypes, golden)) return;
            using model = goldenModel(backend, new EagerOperations(backend), golden);
            await checkLogits(model, golden, mode, 'f16', halfTolerance);
          })(),
        );
      }
      for (const fused of [true, false]) {
        runner.test(`losses and every gradient, ${fused ? 'fused' : 'composed'}`, () =>
          withBackend(options, async (backend) => {
            const golden = await load();
            const { loss, lossAtPositions, lossPositions: positions } = golden;
            if (loss !== undefined) {
              checkGradients(
                await lossAndGradients(backend, golden, { fused }),
                loss,
                golden.gradients,
                'all positions',
              );
            }
            const chosen = await lossAndGradients(backend, golden, { fused, positions });
            checkGradients(chosen, lossAtPositions, golden.gradientsAtPositions, 'chosen positions');
          })(),
        );
      }
    });
  }
}

/** Whether contexts of the case can be f16: the backend takes it, and rows have even lengths. */
function takesHalf(dtypes: readonly string[], { config }: GoldenCase): boolean {
  const width = config.numKeyValueHeads * config.headDim;
  return dtypes.includes('f16') && width % 2 === 0 && config.hiddenSize % 2 === 0;
}

async function checkLogits(
  model: ReturnType<typeof goldenModel>,
  golden: GoldenCase,
  mode: (typeof contextModes)[number],
  dtype: ContextDType,
  tolerance: number,
): Promise<void> {
  const tokens = golden.tokens.slice(0, -1);
  using session = model.createSession({ context: mode, dtype });
  await session.append(tokens);
  const everywhere = golden.logits !== undefined;
  const positions = everywhere ? [...tokens.keys()] : golden.lossPositions;
  const expected = (everywhere ? golden.logits : golden.logitsAtPositions)?.data ?? new Float32Array(0);
  const rows = await session.logitsAt(positions);
  const got = Float32Array.from(rows.flatMap((row) => [...row]));
  checkClose(got, expected, fractionOfLargest(expected, tolerance), `logits of ${golden.name}, ${mode}, ${dtype}`);
  checkBytes(model, session, tokens, mode, dtype);
}

/** plan() = the ledger, to the byte. */
function checkBytes(
  model: ReturnType<typeof goldenModel>,
  session: ReturnType<ReturnType<typeof goldenModel>['createSession']>,
  tokens: readonly number[],
  mode: string,
  dtype: ContextDType,
): void {
  const { rows } = model.plan({ tokens: tokens.length, distinct: new Set(tokens).size, dtype });
  const planned = rows.find((row) => row.mode === mode);
  const { live, host } = model.backend.ledger.snapshot();
  checkEqual(live.context, planned?.contextBytes, 'context bytes');
  checkEqual(session.contextBytes, planned?.contextBytes, 'context bytes of the session');
  checkEqual(live.table, planned?.tableBytes, 'table bytes');
  checkEqual(live.weights, planned?.weightBytes, 'weight bytes');
  checkEqual(host, planned?.hostBytes, 'host bytes');
}

function checkGradients(
  got: { readonly loss: number; readonly gradients: ReadonlyMap<string, Float32Array> },
  loss: number,
  expected: GoldenCase['gradients'],
  what: string,
): void {
  checkClose([got.loss], [loss], { atol: 0, rtol: 1e-5 }, `loss, ${what}`);
  check(expected.size === got.gradients.size && expected.size > 0, `there is a gradient for each parameter, ${what}`);
  for (const [name, { data }] of expected) {
    const gradient = got.gradients.get(name) ?? new Float32Array(0);
    checkClose(gradient, data, fractionOfLargest(data, gradientTolerance), `gradient of ${name}, ${what}`);
  }
}
