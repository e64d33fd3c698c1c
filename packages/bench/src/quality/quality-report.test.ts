import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { parseQuality } from './parse-quality.ts';
import { qualityMarkdown } from './quality-markdown.ts';
import { qualityPage, qualityReport } from './quality-report.ts';
import { type ContextLossRow, type QualityResult, qualitySchema } from './quality-result.ts';
import { verdicts } from './quality-tables.ts';
import { taskSettings } from './tasks/task-plan.ts';

const hostile = '</td><script>alert(1)</script>"\' | `x` \u001b[31m';

function row(model: string, tokens: number, loss: number | null, change: number | null): ContextLossRow {
  const error = loss === null ? null : 0.01;
  return { model, tokens, loss, standardError: error, change, changeError: change === null ? null : 0.002 };
}

const rows = [
  row('a', 128, 4, null),
  row('a', 512, 3.9, -0.1),
  row('a', 2048, 3.85, -0.05),
  row(hostile, 128, 4.1, null),
  row(hostile, 512, 4.0, -0.1),
  { ...row(hostile, 2048, null, null), reason: 'each target would cost a prefill' },
];

const result: QualityResult = {
  schema: qualitySchema,
  created: '2026-01-02T03:04:05.000Z',
  command: 'inattention bench --quality',
  environment: { cpu: hostile, cores: 2 },
  backend: 'cpu',
  device: 'd',
  text: { name: 'test.jsonl', documents: 3, bytes: 1000 },
  models: [
    { name: 'a', parameters: 10, attention: 'inattention', window: 3, positions: 'rope', contextLength: 512 },
    { name: hostile, parameters: 10, attention: 'self', window: 3, positions: 'rope', contextLength: 512 },
  ],
  testLoss: {
    windowLength: 512,
    rows: [
      { model: 'a', loss: 4, lossTerms: 250, bitsPerByte: 1.44 },
      { model: hostile, loss: 3.95, lossTerms: 250, bitsPerByte: null },
    ],
  },
  contextLoss: { lengths: [128, 512, 2048], targets: 100, documents: 2, seed: 1, selfUpTo: 512, rows },
  tasks: {
    settings: taskSettings,
    tasks: [{ name: 'recall', description: 'what', chance: 1 / 16 }],
    rows: [
      {
        ...{ task: 'recall', attention: 'self', positions: 'rope', window: 1, parameters: 84_000, steps: 600 },
        ...{ correct: 90, answers: 120, learntAt: null, loss: 0.7, seconds: 3 },
      },
    ],
  },
};

describe('the report', () => {
  test('has every figure in Markdown, and names of models stay on their line', () => {
    const markdown = qualityMarkdown(result);
    expect(markdown).toContain('| a | 4.0000 | 54.60 | 1.4400 | 250 |  |');
    expect(markdown).toContain('| 3.9500 | 51.94 |  | 250 | −0.0500 |');
    expect(markdown).toContain('| a | 512 | 3.9000 ± 0.0100 | −0.1000 ± 0.0020 |  |');
    expect(markdown).toContain('| recall | self | rope | 1 | 75.0 % |  | 600 | 84,000 | 0.700 |');
    expect(markdown).toContain('A guess is right in 6.3 %');
    expect(markdown).not.toMatch(/[^\\]<script/);
  });

  test('lets no control sequence through to a terminal', () => {
    expect(qualityReport(result)).not.toContain('\u001b');
  });

  test('is a page that runs nothing, with a chart that those who cannot see it can read', async () => {
    const html = await qualityPage(result);
    const { document } = parseHTML(html);
    expect(document.querySelector('script')).toBeNull();
    expect(document.querySelectorAll('[style]')).toHaveLength(0);
    expect(document.querySelector('meta[http-equiv]')?.getAttribute('content')).toContain("default-src 'none'");
    expect(document.querySelectorAll('svg style')).toHaveLength(0);
    const chart = document.querySelector('figure > svg[role=img]');
    expect(chart?.querySelector('desc')?.textContent).toContain('a at 128: 4.0000 ± 0.0100 nats');
    expect(chart?.querySelectorAll('[data-mark=dot] > *')).toHaveLength(5); // a point per measured row
    expect(document.querySelectorAll('table')).toHaveLength(3);
    expect(document.querySelector('h1')?.textContent).toBe('Quality');
  });

  test('has no chart where there is nothing to draw', async () => {
    const page = await qualityPage({ ...result, contextLoss: null, testLoss: null });
    expect(page).not.toContain('<svg');
    expect(parseHTML(page).document.querySelectorAll('table')).toHaveLength(1);
  });
});

describe('verdicts', () => {
  test('say that the loss keeps falling only where it does', () => {
    expect(verdicts(rows.slice(0, 3))).toEqual(['a: the loss falls with every step from 128 to 2 Ki tokens.']);
    const [flat] = verdicts([row('a', 128, 4, null), row('a', 512, 3.9, -0.1), row('a', 2048, 3.899, -0.001)]);
    expect(flat).toBe(
      'a: the loss does not keep falling from 128 to 2 Ki tokens: it falls from 128 to 512, does not change beyond chance from 512 to 2 Ki.',
    );
    const [worse] = verdicts([row('a', 128, 4, null), row('a', 512, 4.1, 0.1)]);
    expect(worse).toContain('rises from 128 to 512');
    expect(verdicts([row('a', 128, 4, null)])).toEqual([]);
  });
});

describe('a result file', () => {
  test('is read back whole', () => {
    expect(parseQuality(JSON.parse(JSON.stringify(result)))).toEqual(result);
  });

  test.each([
    ['schema', { schema: 'inattention-quality/2' }],
    ['models', { models: [{ name: 'a' }] }],
    [
      'testLoss.rows',
      { testLoss: { windowLength: 1, rows: [{ model: 'a', loss: 'low', lossTerms: 1, bitsPerByte: 1 }] } },
    ],
    ['tasks.rows', { tasks: { ...result.tasks, rows: [{ task: 'x' }] } }],
  ])('with a wrong %s is refused, and the field is named', (field, change) => {
    expect(() => parseQuality({ ...result, ...change }, 'x.json')).toThrow(
      new RegExp(`x\\.json.*${field.split('.')[0]}`, 's'),
    );
  });
});
