/** Generation: greedy decoding gives the same ids in every context mode, where the choice is not a matter of rounding. */

import { contextModes, type ModelConfig } from '@inattention/core/math';
import { generate, type Session } from '@inattention/model';
import { compareArrays } from '../../comparison/compare-arrays.ts';
import { expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { randomIds, smallConfigs, smallModel } from '../small-models.ts';

const steps = 24;

/** Of the largest logit: how far apart modes may be (half the tolerance of logits against the reference). */
const closeness = 1e-4;

export function generationTests(group: Group): void {
  group.describe('generation', () => {
    for (const [name, config] of Object.entries(smallConfigs)) {
      group.test(`greedy in all modes, ${name}`, (trial) => checkGreedy(trial, config));
    }
  });
}

async function checkGreedy({ backend }: Trial, config: ModelConfig): Promise<void> {
  using model = smallModel(backend, config);
  const prompt = randomIds(250, config.vocabSize, 9); // decoding crosses the edge of a page
  const sessions = contextModes.map((context) => model.createSession({ context }));
  for (const session of sessions) await session.append(prompt);
  const chosen: number[] = [];
  let certain = 0; // steps from the start on that no mode can decide otherwise
  for (let step = 0; step < steps; step += 1) {
    const { token, decided } = await agree(sessions, `step ${step}`);
    if (decided && certain === step) certain += 1;
    chosen.push(token);
    for (const session of sessions) await session.append([token]);
  }
  expectThat(
    certain > 0 && new Set(chosen).size > 1,
    `Generation has no power: ${certain} certain steps, ${chosen.join(', ')}.`,
  );
  for (const context of contextModes) {
    using session = model.createSession({ context });
    await session.append(prompt);
    const generated: number[] = [];
    for await (const { token } of generate(session, { maxTokens: certain })) generated.push(token);
    expectSame(generated, chosen.slice(0, certain), `ids generated in ${context}`);
    expectSame(session.tokens, [...prompt, ...generated], `the session's ids in ${context}`);
  }
}

/** The token the first session would choose; whether the gap to the next one is beyond rounding, in which case all must. */
async function agree(sessions: readonly Session[], what: string): Promise<{ token: number; decided: boolean }> {
  const rows: Float32Array[] = [];
  for (const session of sessions) rows.push(await session.nextLogits());
  const [first] = rows;
  const largest = first.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const [best, second] = [...first].sort((a, b) => b - a);
  const decided = best - second > 2 * closeness * largest;
  const token = first.indexOf(best);
  rows.forEach((row, place) => {
    const { ok, maxAbsError } = compareArrays(row, first, { relativeToMax: closeness });
    const { mode } = sessions[place];
    expectThat(ok, `Logits in ${mode} are ${maxAbsError / largest} of the largest away, ${what}.`);
    if (decided) expectSame(row.indexOf(Math.max(...row)), token, `the likeliest token in ${mode}, ${what}`);
  });
  return { token, decided };
}
