import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { trialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { swiglu } from './swiglu.ts';
import { swigluBackward } from './swiglu-backward.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Gates far open and far shut among them. */
function inputs(length: number) {
  const gate = numbers(length, 2, 3);
  gate.set([1.5, -100, 100, 0, -30, 30].slice(0, length));
  return { gate, up: numbers(length, 3), gradOut: numbers(length, 4) };
}

test.each(trialsOf(device))('swiglu and its gradient: $name', async ({ create }) => {
  const trial = create();
  for (const length of [1, 3, 4, 63, 64, 65, 4097, 50_000]) {
    const { gate, up, gradOut } = inputs(length);
    const [a, b] = [trial.floats([length], gate), trial.floats([length], up)];
    const out = trial.floats([length]);
    swiglu(trial.runner, { gate: a, up: b, out });
    const expected = gate.map((x, i) => x * sigmoid(x) * (up[i] as number));
    expect(relativeError(await trial.read(out), expected)).toBeLessThan(1e-5);
    const [gradGate, gradUp] = [trial.floats([length]), trial.floats([length])];
    swigluBackward(trial.runner, { gate: a, up: b, gradOut: trial.floats([length], gradOut), gradGate, gradUp });
    const slope = (x: number) => sigmoid(x) * (1 + x * (1 - sigmoid(x)));
    const expectedGate = gradOut.map((g, i) => g * (up[i] as number) * slope(gate[i] as number));
    const expectedUp = gradOut.map((g, i) => g * (gate[i] as number) * sigmoid(gate[i] as number));
    expect(relativeError(await trial.read(gradGate), expectedGate)).toBeLessThan(1e-5);
    expect(relativeError(await trial.read(gradUp), expectedUp)).toBeLessThan(1e-5);
  }
  await trial.dispose();
});

test('the gate can be overwritten by its gradient, and by the result', async () => {
  for (const { create } of trialsOf(device)) {
    const trial = create();
    const { gate, up } = inputs(20_000);
    const [a, b] = [trial.floats([20_000], gate), trial.floats([20_000], up)];
    swiglu(trial.runner, { gate: a, up: b, out: a });
    const expected = gate.map((x, i) => x * sigmoid(x) * (up[i] as number));
    expect(relativeError(await trial.read(a), expected)).toBeLessThan(1e-5);
    await trial.dispose();
  }
});
