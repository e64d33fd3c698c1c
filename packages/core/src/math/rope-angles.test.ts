/** Angles from the two tables against cos and sin in float64, up to the last position. */

import { describe, expect, it } from 'vitest';
import { withFaults } from '../../test/faults.ts';
import { seededRandom } from '../../test/random.ts';
import { EagerOperations } from '../operations/eager-operations.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { createRopeAngles, maxRopePositions, ropeAnglesBytes } from './rope-angles.ts';

const random = seededRandom(11);
const positions = Int32Array.from([
  ...[0, 1, 2, 2047, 2048, 2049, 65_535, 1_000_003, maxRopePositions - 2048, maxRopePositions - 1],
  ...random.integers(60, 0, maxRopePositions),
]);

describe.each([
  [4, 10_000],
  [8, 500_000],
  [64, 10_000],
])('heads of %i and base %i', (headDim, theta) => {
  const pairs = headDim / 2;

  it('are within 1e-6 of float64 at positions up to 4 Mi', async () => {
    const backend = createHostBackend();
    const angles = createRopeAngles(backend, headDim, theta);
    const [fine, coarse] = [await angles.fine.readFloat32(), await angles.coarse.readFloat32()];
    let worst = 0;
    for (const position of positions) {
      for (let pair = 0; pair < pairs; pair += 1) {
        const low = ((position % angles.fineLength) * pairs + pair) * 2;
        const high = (Math.floor(position / angles.fineLength) * pairs + pair) * 2;
        const [c, s] = [fine[low] as number, fine[low + 1] as number];
        const [C, S] = [coarse[high] as number, coarse[high + 1] as number];
        const angle = position * theta ** ((-2 * pair) / headDim);
        worst = Math.max(worst, Math.abs(C * c - S * s - Math.cos(angle)), Math.abs(S * c + C * s - Math.sin(angle)));
      }
    }
    expect(worst).toBeLessThan(1e-6);
  });

  it('rotate one unit vector per pair to (cos, sin)', async () => {
    const backend = createHostBackend();
    const operations = new EagerOperations(backend);
    const angles = createRopeAngles(backend, headDim, theta);
    const units = Float32Array.from({ length: positions.length * headDim }, (_, at) => (at % headDim < pairs ? 1 : 0));
    const index = operations.index(positions);
    const rotated = operations.rope(operations.upload(units, [positions.length, 1, headDim]), index, angles);
    const numbers = await rotated.readFloat32();
    let worst = 0;
    positions.forEach((position, row) => {
      for (let pair = 0; pair < pairs; pair += 1) {
        const angle = position * theta ** ((-2 * pair) / headDim);
        const at = row * headDim + pair;
        const errors = [(numbers[at] as number) - Math.cos(angle), (numbers[at + pairs] as number) - Math.sin(angle)];
        worst = Math.max(worst, ...errors.map(Math.abs));
      }
    });
    expect(worst).toBeLessThan(1e-6);
  });
});

it('take the bytes they predict, as weights, and give them back', () => {
  const backend = createHostBackend();
  const angles = createRopeAngles(backend, 8, 10_000);
  expect(ropeAnglesBytes(8)).toBe((2048 + 2048) * 8 * 4);
  expect(backend.ledger.snapshot()).toMatchObject({ liveTotal: ropeAnglesBytes(8), live: { weights: 131_072 } });
  angles.dispose();
  expect(backend.ledger.snapshot().liveTotal).toBe(0);
});

it.each([1, 2, 3, 4])('leave nothing behind when call %i of the device fails', (call) => {
  const faulty = withFaults(createHostBackend());
  faulty.failAt(call);
  expect(() => createRopeAngles(faulty.backend, 8, 10_000)).toThrow(`Fault at call ${call}`);
  expect(faulty.backend.ledger.snapshot().liveTotal).toBe(0);
});
