/** swiglu and its gradient: fused, composed and reference agree. */

import { randomNumbers } from '../../inputs/random-numbers.ts';
import { ndArray } from '../../reference/nd-array.ts';
import { swigluBackward, swigluForward } from '../../reference/swiglu.ts';
import { expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset } from '../device-arrays.ts';
import { evaluate, variantsOf } from '../evaluate.ts';
import { sweptLengths } from '../lengths.ts';

export function swigluTests(group: Group): void {
  group.describe('swiglu', () => {
    for (const { name, fused } of variantsOf(group.fused.has('swiglu'))) {
      group.test(`forward, ${name}`, (trial) => forward(trial, fused));
    }
    for (const { name, fused } of variantsOf(group.fused.has('swigluBackward'))) {
      group.test(`backward, ${name}`, (trial) => backward(trial, fused));
    }
    if (group.fused.has('swiglu') && group.fused.has('swigluBackward')) {
      group.test('at any offset', (trial) => direct(trial));
    }
  });
}

/** Gates open and shut: a kernel that leaves the sigmoid out, or its slope, is far off. */
function inputs(length: number, seed: number) {
  const random = randomNumbers(seed);
  const gate = ndArray([length], random.normals(length, 3));
  gate.data.set([-6, 1.5, 5, -30, 30, 0].slice(0, length));
  const up = ndArray([length], random.normals(length));
  const gradOut = ndArray([length], random.normals(length));
  const isMixed = gate.data.some((x) => x > 2) && gate.data.some((x) => x < -2);
  expectThat(length < 3 || isMixed, `The gates of ${length} elements are all alike.`);
  return { gate, up, gradOut };
}

async function forward({ backend, expectClose }: Trial, fused: boolean): Promise<void> {
  for (const length of sweptLengths) {
    const { gate, up } = inputs(length, 71);
    const { out } = await evaluate(backend, fused, ({ operations, floats }) => ({
      out: operations.swiglu(floats(gate), floats(up)),
    }));
    expectClose(out, swigluForward(gate, up).data, { operation: 'swiglu', what: `${length} elements` });
  }
}

async function backward({ backend, expectClose }: Trial, fused: boolean): Promise<void> {
  for (const length of sweptLengths) {
    const { gate, up, gradOut } = inputs(length, 72);
    const expected = swigluBackward(gate, up, gradOut);
    const got = await evaluate(backend, fused, ({ operations, floats }) => {
      const gradients = operations.swigluBackward(floats(gate), floats(up), floats(gradOut));
      return { gate: gradients.gate, up: gradients.up };
    });
    expectClose(got.gate, expected.gradGate.data, { operation: 'swigluBackward', what: `gate, ${length} elements` });
    expectClose(got.up, expected.gradUp.data, { operation: 'swigluBackward', what: `up, ${length} elements` });
  }
}

async function direct({ backend, expectClose }: Trial): Promise<void> {
  const { gate, up, gradOut } = inputs(67, 73);
  const expected = swigluBackward(gate, up, gradOut);
  await atEachOffset(backend, async (arrays) => {
    const [a, b, out] = [arrays.floats([67], gate.data), arrays.floats([67], up.data), arrays.floats([67])];
    backend.fused.swiglu?.({ gate: a, up: b, out });
    expectClose(await arrays.read(out), swigluForward(gate, up).data, { operation: 'swiglu', what: 'at an offset' });
    const [gradGate, gradUp] = [arrays.floats([67]), arrays.floats([67])];
    const gradient = arrays.floats([67], gradOut.data);
    backend.fused.swigluBackward?.({ gate: a, up: b, gradOut: gradient, gradGate, gradUp });
    const shared = { operation: 'swigluBackward', what: 'at an offset' } as const;
    expectClose(await arrays.read(gradGate), expected.gradGate.data, shared);
    expectClose(await arrays.read(gradUp), expected.gradUp.data, shared);
  });
}
