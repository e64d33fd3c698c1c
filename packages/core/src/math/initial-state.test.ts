/** Initial states against their formula in float64, at any positions of a text, and the windows of ids they read. */

import { describe, expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { withFaults } from '../../test/faults.ts';
import { seededRandom } from '../../test/random.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { consecutive, createIdWindow, initialStates } from './initial-state.ts';

const [hidden, vocabulary] = [4, 6];
const text = Int32Array.from([3, 1, 4, 1, 5, 0, 2, 5]);
const sequence = { length: text.length, at: (position: number) => text[position] as number };
const random = seededRandom(21);
const embedding = random.normals(vocabulary * hidden);
const positionTable = random.normals(text.length * hidden);
const matrices = random.normals(2 * hidden * hidden);

/** x of one position: Σ_j M_j (E[t_{i−j}] + P[i−j]), M_0 = I. */
function expected(position: number, window: number, learned: boolean): number[] {
  const state = new Array<number>(hidden).fill(0);
  for (let offset = 0; offset < window && offset <= position; offset += 1) {
    const embedded = Array.from({ length: hidden }, (_, column) => {
      const token = embedding[sequence.at(position - offset) * hidden + column] as number;
      return token + (learned ? (positionTable[(position - offset) * hidden + column] as number) : 0);
    });
    for (let row = 0; row < hidden; row += 1) {
      const weights = Array.from({ length: hidden }, (_, column) =>
        offset === 0 ? Number(row === column) : (matrices[((offset - 1) * hidden + row) * hidden + column] as number),
      );
      state[row] = weights.reduce((sum, weight, at) => sum + weight * (embedded[at] as number), state[row] as number);
    }
  }
  return state;
}

describe.each([
  ['rope', 1],
  ['rope', 3],
  ['learned', 1],
  ['learned', 2],
  ['learned', 3],
] as const)('initial states with %s positions and a window of %i', (positionEmbeddingType, window) => {
  it.each([
    ['of the whole text', [0, 1, 2, 3, 4, 5, 6, 7]],
    ['of rows in any order', [7, 0, 1, 4, 4]],
  ])('are the sum over the window, %s', async (_, rows) => {
    const learned = positionEmbeddingType === 'learned';
    const [states] = await onDevice(({ backend, operations, tensor }) => {
      const config = { initialStateWindow: window, positionEmbeddingType };
      const ids = createIdWindow(backend, sequence, Int32Array.from(rows), config);
      const weights = {
        embedding: tensor(embedding, [vocabulary, hidden]),
        positions: learned ? tensor(positionTable, [text.length, hidden]) : null,
        initialState:
          window === 1 ? null : tensor(matrices.subarray(0, (window - 1) * hidden ** 2), [window - 1, hidden, hidden]),
      };
      const result = initialStates(operations, weights, ids);
      ids.dispose();
      return result;
    });
    expectClose(
      states as Float32Array,
      rows.flatMap((row) => expected(row, window, learned)),
    );
  });
});

describe('id windows', () => {
  const config = { initialStateWindow: 3, positionEmbeddingType: 'learned' } as const;

  it('carry the ids and positions at each offset, −1 before the start', () => {
    const backend = createHostBackend();
    const window = createIdWindow(backend, sequence, Int32Array.from([0, 1, 6]), config);
    const values = (tensors: typeof window.ids | null) => tensors?.map((tensor) => [...tensor.values]);
    expect(values(window.ids)).toEqual([
      [3, 1, 2],
      [-1, 3, 0],
      [-1, -1, 5],
    ]);
    expect(values(window.positions)).toEqual([
      [0, 1, 6],
      [-1, 0, 5],
      [-1, -1, 4],
    ]);
    window.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
  });

  it('have positions only when positions are learned', () => {
    const window = createIdWindow(createHostBackend(), sequence, consecutive(0, 2), {
      initialStateWindow: 1,
      positionEmbeddingType: 'alibi',
    });
    expect(window.positions).toBeNull();
  });

  it('leave nothing behind when any call of the device fails', () => {
    const faulty = withFaults(createHostBackend());
    const make = () => createIdWindow(faulty.backend, sequence, consecutive(0, 2), config);
    make().dispose();
    const { calls } = faulty;
    expect(calls).toBeGreaterThanOrEqual(6);
    for (let call = 1; call <= calls; call += 1) {
      faulty.failAt(call);
      expect(make).toThrow(`Fault at call ${call}`);
      expect(faulty.backend.ledger.snapshot().liveTotal).toBe(0);
    }
  });

  it('count consecutive rows', () => {
    expect([...consecutive(5, 3)]).toEqual([5, 6, 7]);
    expect(consecutive(5, 0)).toHaveLength(0);
  });
});
