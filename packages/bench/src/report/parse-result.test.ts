import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { planTable } from '../plan-table.ts';
import { outcomes, resultSchema, type SweepResult, warmUpKinds } from '../result.ts';
import { htmlReport } from './html-report.ts';
import { parseResult } from './parse-result.ts';

// Charts are drawn, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

/** Keys that valibot drops from records, whoever sends them. */
const unsafeKeys = ['__proto__', 'prototype', 'constructor'];

const count = fc.nat();
const amount = fc.double({ min: 0, max: 1e15, noNaN: true }).map((value) => value + 0); // JSON has no -0
const text = fc.record({ title: fc.string(), source: fc.string(), licence: fc.string(), tokenizer: fc.string() });
const timing = fc.record(
  { median: amount, rounds: count, extrapolated: fc.string() },
  { requiredKeys: ['median', 'rounds'] },
);
const perModel = fc.record({ inattention: count, self: count });
const row = fc.record(
  {
    tokens: count,
    variant: fc.constantFrom('self', 'tables', 'kv', 'states', 'ids'),
    outcome: fc.constantFrom(...outcomes),
    reason: fc.string(),
    plan: fc.record({
      contextBytes: count,
      tableBytes: count,
      totalBytes: count,
      firstTokenFlops: amount,
      decodeFlops: amount,
    }),
    contextBytes: fc.option(count),
    tableBytes: fc.option(count),
    peakBytes: fc.option(count),
    timeToFirstToken: fc.option(timing),
    timeToFirstTokenWarm: fc.option(timing),
    warmRefused: fc.string(),
    timeToFirstTokenRevisited: fc.option(timing),
    decode: fc.option(timing),
    disagreement: fc.option(amount),
  },
  {
    requiredKeys: [
      'tokens',
      'variant',
      'outcome',
      'plan',
      'contextBytes',
      'tableBytes',
      'peakBytes',
      'timeToFirstToken',
      'timeToFirstTokenWarm',
      'timeToFirstTokenRevisited',
      'decode',
      'disagreement',
    ],
  },
);

const results = fc.record({
  schema: fc.constant(resultSchema),
  created: fc.string(),
  command: fc.string(),
  environment: fc.dictionary(
    fc.string().filter((key) => !unsafeKeys.includes(key)),
    fc.oneof(fc.string(), count),
    { noNullPrototype: true },
  ),
  backend: fc.string(),
  device: fc.string(),
  shape: fc.string(),
  dtype: fc.constantFrom('f32', 'f16'),
  window: count,
  parameters: perModel,
  weightBytes: perModel,
  budgetBytes: fc.option(count),
  selfUpTo: count,
  text,
  warmUpText: text,
  warmUpKind: fc.constantFrom(...warmUpKinds),
  warmUpTokens: count,
  texts: fc.array(fc.record({ tokens: count, distinct: count, unseenAfterWarmUp: amount })),
  gemmFlopsPerSecond: fc.option(amount),
  selfPrefill: fc.array(fc.record({ tokens: count, flopsPerSecond: amount })),
  rows: fc.array(row),
  plan: fc.constant(planTable('f32').slice(0, 2)),
}) as fc.Arbitrary<SweepResult>;

describe('parseResult', () => {
  test('reads what JSON.stringify wrote', () => {
    fc.assert(
      fc.property(results, (result) => {
        expect(parseResult(JSON.stringify(result))).toEqual(result);
      }),
    );
  });

  test('refuses a result with any field missing or of another type, by name', () => {
    const optional = new Set(['command', 'interrupted']);
    fc.assert(
      fc.property(results, fc.nat(), fc.boolean(), (result, pick, remove) => {
        const keys = Object.keys(result).filter((key) => !optional.has(key));
        const key = keys[pick % keys.length] as keyof SweepResult;
        const { [key]: _, ...rest } = result;
        const broken = remove ? rest : { ...rest, [key]: true };
        expect(() => parseResult(JSON.stringify(broken), 'r.json')).toThrow(
          expect.objectContaining({ code: 'INVALID_FILE', message: expect.stringContaining(`"${key}"`) }),
        );
      }),
    );
  });

  test('reads results of the schema before, which had no revisited state and another text to warm up with', () => {
    fc.assert(
      fc.property(results, ({ warmUpKind: _, rows, ...rest }) => {
        const olderRows = rows.map(({ timeToFirstTokenRevisited: __, ...older }) => older);
        const older = JSON.stringify({ ...rest, schema: 'inattention-bench/2', rows: olderRows });
        const upgraded = olderRows.map((older) => ({ ...older, timeToFirstTokenRevisited: null }));
        expect(parseResult(older)).toEqual({ ...rest, schema: resultSchema, warmUpKind: 'other', rows: upgraded });
      }),
    );
    for (const rows of ['none', undefined, [7]]) {
      expect(() => parseResult(JSON.stringify({ schema: 'inattention-bench/2', rows }))).toThrow(
        expect.objectContaining({ code: 'INVALID_FILE' }),
      );
    }
  });

  test('whatever it takes can be drawn and written', async () => {
    await fc.assert(
      fc.asyncProperty(results, async (result) => {
        expect(await htmlReport(parseResult(JSON.stringify(result)))).toContain('</html>');
      }),
      { numRuns: 20 },
    );
  });

  test('refuses what no report could show: numbers past all measures, lists and texts without end', () => {
    const [result] = fc.sample(results, { numRuns: 1, seed: 1 }) as [SweepResult];
    const [sample] = fc.sample(row, { numRuns: 1, seed: 1 });
    for (const [broken, field] of [
      [{ window: 1e300 }, 'window'],
      [{ gemmFlopsPerSecond: 1e300 }, 'gemmFlopsPerSecond'],
      [{ device: 'x'.repeat(30_000) }, 'device'],
      [{ rows: Array(6000).fill(sample) }, 'rows'],
      [{ environment: Object.fromEntries(Array.from({ length: 300 }, (_, place) => [place, 1])) }, 'environment'],
    ] as const) {
      expect(() => parseResult(JSON.stringify({ ...result, ...broken }))).toThrow(
        expect.objectContaining({ code: 'INVALID_FILE', message: expect.stringContaining(`"${field}"`) }),
      );
    }
  });

  test('refuses negative times, other versions and texts that are no JSON', () => {
    const [result] = fc.sample(results, { numRuns: 1, seed: 1 }) as [SweepResult];
    const [sample] = fc.sample(row, { numRuns: 1, seed: 1 });
    const rows = [{ ...sample, decode: { median: -1, rounds: 1 } }];
    for (const [json, what] of [
      [JSON.stringify({ ...result, rows }), 'rows.0.decode.median'],
      [JSON.stringify({ ...result, schema: 'inattention-bench/1' }), 'inattention-bench/3'],
      ['[]', 'field'],
      ['null', 'field'],
      ['{', 'not JSON'],
    ] as const) {
      expect(() => parseResult(json)).toThrow(
        expect.objectContaining({ code: 'INVALID_FILE', message: expect.stringContaining(what) }),
      );
    }
  });
});
