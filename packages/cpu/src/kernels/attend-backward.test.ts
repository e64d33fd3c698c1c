/** Gradients of attention over several blocks of keys and tiles of queries: to the bit the same on one thread and on more. */

import { type Backend, denseContext, EagerOperations, IndexTensor } from '@inattention/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCpuBackend } from '../cpu-backend.ts';

interface Case {
  readonly name: string;
  readonly queries: number;
  readonly entries: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly sloped?: boolean;
  /** Of query t; by default the last positions. */
  readonly positionOf?: (query: number) => number;
}

const cases: readonly Case[] = [
  { name: 'one head, which threads share', queries: 700, entries: 700, heads: 1, kvHeads: 1, headDim: 16 },
  { name: 'grouped heads', queries: 150, entries: 300, heads: 6, kvHeads: 2, headDim: 20, sloped: true },
  { name: 'rows and keys that fill no block', queries: 131, entries: 259, heads: 3, kvHeads: 3, headDim: 5 },
  {
    name: 'positions in any order, some of which see nothing',
    queries: 300,
    entries: 400,
    heads: 2,
    kvHeads: 1,
    headDim: 8,
    positionOf: (query) => ((query * 131) % 450) - 20,
  },
];

const backends: Backend[] = [];
beforeAll(async () => {
  for (const threads of [1, 2, 3]) backends.push(await createCpuBackend({ threads }));
});
afterAll(() => {
  for (const backend of backends) backend.dispose();
});

test.each(cases)('$name', async (chosen) => {
  const [alone, ...shared] = await Promise.all(backends.map((backend) => gradients(backend, chosen, true)));
  for (const others of shared) expect(others).toEqual(alone); // to the bit
  const [backend] = backends as [Backend];
  const composed = await gradients(backend, chosen, false);
  composed.forEach((expected, which) => {
    const size = expected.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
    expect(size).toBeGreaterThan(0.1);
    const got = alone?.[which] as Float32Array;
    const error = expected.reduce((most, number, at) => Math.max(most, Math.abs(number - (got[at] as number))), 0);
    expect(error, ['queries', 'keys', 'values'][which]).toBeLessThan(size * 2e-5);
  });
});

/** A number in (−1, 1) that depends on its place only. */
function value(seed: number, place: number): number {
  const bits = Math.imul(place + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
  return ((Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d) >>> 22) - 512) / 512;
}

/** Of queries, keys and values; peaked, so that a wrong score shows. */
async function gradients(backend: Backend, chosen: Case, fused: boolean): Promise<Float32Array[]> {
  const { queries: count, entries, heads, kvHeads, headDim, sloped = false } = chosen;
  const { positionOf = (query: number) => entries - count + query } = chosen;
  const operations = new EagerOperations(backend, { fused });
  using positions = new IndexTensor(
    backend,
    Int32Array.from({ length: count }, (_, t) => positionOf(t)),
  );
  const results = operations.scope(() => {
    const tensor = (seed: number, shape: readonly number[], factor = 1) => {
      const size = shape.reduce((all, length) => all * length, 1);
      return operations.upload(
        Float32Array.from({ length: size }, (_, at) => factor * value(seed, at)),
        shape,
      );
    };
    const rows = [count, heads, headDim];
    const inputs = {
      queries: tensor(1, rows, 4),
      keys: tensor(2, [entries, kvHeads, headDim], 2),
      values: tensor(3, [entries, kvHeads, headDim]),
    };
    const slopes = sloped
      ? operations.upload(
          Float32Array.from({ length: heads }, (_, h) => 2 ** (-h - 3)),
          [heads],
        )
      : null;
    const options = { scale: 1 / Math.sqrt(headDim), slopes };
    const view = denseContext(inputs.keys, inputs.values, 0);
    const state = operations.attend(inputs.queries, positions, view, options);
    const kept = { out: state.out, logSumExp: operations.logSumExp(state), gradOut: tensor(4, rows) };
    const result = operations.attendBackward({ ...inputs, positions, firstPosition: 0, ...kept }, options);
    return [result.queries, result.keys, result.values] as const;
  });
  const read: Float32Array[] = [];
  for (const tensor of results) {
    read.push(await tensor.readFloat32());
    tensor.dispose();
  }
  return read;
}
