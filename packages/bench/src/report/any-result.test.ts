import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { type AgreementResult, agreementSchema } from '../agreement/agreement-result.ts';
import { anyMarkdown, headingOf, parseAnyResult, reportContent } from './any-result.ts';

const hostile = '</td><img src=x onerror=alert(1)>| `x`';

const agreement: AgreementResult = {
  schema: agreementSchema,
  created: hostile,
  environment: { browser: hostile },
  model: { name: hostile, parameters: 10, vocabSize: 5 },
  text: { name: hostile, tokens: 9 },
  reference: { backend: 'cpu', device: hostile, software: false, mode: 'kv' },
  rows: [
    {
      ...{ backend: hostile, device: hostile, software: true, mode: 'tables', agreed: 8, positions: 9 },
      largestDifference: 1e-6,
      disagreements: [{ position: 4, expectedId: 1, gotId: 2, margin: 1e-9 }],
    },
  ],
};

test('a result is read by the schema it names', () => {
  expect(parseAnyResult(JSON.stringify(agreement))).toEqual(agreement);
  for (const schema of ['inattention-bench/99', 'inattention-quality/99', 'inattention-kernels/1']) {
    expect(() => parseAnyResult(JSON.stringify({ schema }))).toThrow(
      expect.objectContaining({ code: 'INVALID_FILE', message: expect.stringContaining('"schema"') }),
    );
  }
  for (const json of [
    '{',
    '[]',
    'null',
    '7',
    '{"schema":"toString/1"}',
    '{"schema":{"toString":1}}',
    '{"schema":"inattention-bench-sessions/1"}',
  ]) {
    expect(() => parseAnyResult(json, 'x.json')).toThrow(
      expect.objectContaining({ code: 'INVALID_FILE', message: expect.stringContaining('x.json') }),
    );
  }
});

test('hostile names are text, on pages and in Markdown', async () => {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  document.body.append(...(await reportContent(document, agreement)));
  expect(document.querySelectorAll('img, script').length).toBe(0);
  expect(document.body.textContent).toContain(hostile);
  expect(document.querySelectorAll('table').length).toBe(2);
  expect(anyMarkdown(agreement)).not.toMatch(/(?<!\\)<img/);
  expect(headingOf(agreement).heading).toBe('Agreement');
});
