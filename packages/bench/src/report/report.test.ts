import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { planTable } from '../plan-table.ts';
import { resultSchema, type SweepResult, type SweepRow, type Variant } from '../result.ts';
import { comparisonTable } from './comparison-table.ts';
import { htmlReport } from './html-report.ts';
import { markdownReport } from './markdown.ts';
import { charts, describeChart } from './page/chart-series.ts';
import { ratiosOf } from './ratios.ts';
import { reportTables, tableStates } from './report-table.ts';
import { terminalReport } from './terminal.ts';

const hostile = '</td><script src="https://evil.example/x.js">alert(1)</script>"\' | `x` \u001b[31m\u0000';

function row(tokens: number, variant: Variant, ms: number | null, more: Partial<SweepRow> = {}): SweepRow {
  const bytes = { ids: 4, states: 3000, tables: 8, kv: 70_000, self: 70_000 }[variant] * tokens;
  const table = variant === 'tables' ? 30_000 * tokens : 0;
  const timing = (median: number) => ({ median, rounds: 2 });
  return {
    tokens,
    variant,
    outcome: ms === null ? 'refused' : 'measured',
    plan: {
      contextBytes: bytes,
      tableBytes: table,
      totalBytes: 5e8 + bytes + table,
      firstTokenFlops: 1e6 * tokens * (variant === 'self' ? 50 : 1),
      decodeFlops: 1e6,
    },
    contextBytes: ms === null ? null : bytes,
    tableBytes: ms === null ? null : table,
    peakBytes: ms === null ? null : 6e8 + bytes + table,
    timeToFirstToken: ms === null ? null : timing(ms),
    timeToFirstTokenWarm: variant === 'tables' && ms !== null ? timing(ms / 2) : null,
    timeToFirstTokenRevisited: variant === 'tables' && ms !== null ? timing(ms / 8) : null,
    decode: ms === null ? null : timing(ms / 10),
    disagreement: variant === 'self' || ms === null ? null : 1e-6,
    ...more,
  };
}

const extrapolated = { median: 90_000, rounds: 0, extrapolated: 'ms · flops ratio' };

const result: SweepResult = {
  schema: resultSchema,
  created: '2026-01-02T03:04:05.000Z',
  command: 'inattention bench --shape gpt2-124m',
  environment: { cpu: hostile, cores: 2 },
  backend: 'cpu',
  device: hostile,
  shape: hostile,
  dtype: 'f32',
  window: 3,
  parameters: { inattention: 124_000_000, self: 123_000_000 },
  weightBytes: { inattention: 5e8, self: 4.9e8 },
  budgetBytes: 4e9,
  selfUpTo: 1024,
  text: { title: hostile, source: 's', licence: 'l', tokenizer: 't' },
  warmUpText: { title: 'other', source: 's', licence: 'l', tokenizer: 't' },
  warmUpKind: 'other',
  warmUpTokens: 131_072,
  texts: [
    { tokens: 1024, distinct: 500, unseenAfterWarmUp: 0.8 },
    { tokens: 65_536, distinct: 6000, unseenAfterWarmUp: 0.4 },
  ],
  gemmFlopsPerSecond: 4e10,
  selfPrefill: [{ tokens: 1024, flopsPerSecond: 3e10 }],
  rows: [
    row(1024, 'self', 4000),
    row(1024, 'tables', 200),
    row(1024, 'kv', 300),
    row(65_536, 'self', null, { timeToFirstToken: extrapolated, reason: 'needs 9 bytes', decode: null }),
    row(65_536, 'tables', 3000, { timeToFirstTokenWarm: null, warmRefused: hostile }),
    row(65_536, 'kv', null, { reason: 'needs 4.6 GB' }),
    row(65_536, 'ids', null, { outcome: 'unreached' }),
  ],
  plan: planTable('f32'),
};

describe('the HTML page', async () => {
  const html = await htmlReport(result);
  const { document } = parseHTML(html);
  const table = (title: string) =>
    [...document.querySelectorAll('table')].find((found) => found.querySelector('caption')?.textContent === title);

  test('has every row of every table, cell by cell', () => {
    for (const expected of reportTables(result)) {
      const rows = [...(table(expected.title)?.querySelectorAll('tbody tr') ?? [])];
      expect(rows.map((made) => [...made.children].map((cell) => cell.textContent))).toEqual(expected.rows);
    }
    expect(document.body.textContent).toContain('kv at 64 Ki: needs 4.6 GB');
  });

  test('loads nothing and runs nothing, and its policy says so', () => {
    expect(document.querySelectorAll('script, link, img, iframe, object, embed, a, form').length).toBe(0);
    for (const made of document.querySelectorAll('*')) {
      for (const { name, value } of made.attributes) {
        expect(name).not.toMatch(/^(on.*|src|href|xlink:href|style)$/i);
        if (name.toLowerCase() !== 'content') expect(value).not.toMatch(/url\(/);
      }
    }
    expect(html.replaceAll('https://evil.example', '').match(/https?:/)).toBeNull();
    const policy = document.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute('content');
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]{44}'; base-uri 'none'; form-action 'none'$/);
    expect(document.querySelectorAll('style').length).toBe(1);
  });

  test('shows hostile names as the text they are', () => {
    expect(html).not.toContain('<script');
    expect(document.querySelector('h1')?.textContent).toContain('<script src="https://evil.example/x.js">');
  });

  test('describes each chart, whose dots are as many as its figures', () => {
    const drawn = [...document.querySelectorAll('figure')];
    expect(drawn.length).toBe(4);
    for (const [place, chart] of charts(result).entries()) {
      const svg = drawn[place]?.querySelector('svg.chart');
      expect(svg?.getAttribute('role')).toBe('img');
      expect(svg?.querySelector(`#${chart.id}-title`)?.textContent).toBe(chart.title);
      expect(svg?.querySelector(`#${chart.id}-description`)?.textContent).toBe(describeChart(chart));
      const titles = [...(svg?.querySelectorAll('path title, circle title') ?? [])].map((title) => title.textContent);
      expect(titles.sort()).toEqual(chart.points.map(({ label }) => label).sort());
      for (const axis of ['x', 'y']) {
        const labels = [...(svg?.querySelectorAll(`g[data-mark="${axis}-axis tick label"] text`) ?? [])];
        const ticks = svg?.querySelectorAll(`g[data-mark="${axis}-axis tick"] path`).length;
        expect(labels.filter(({ textContent }) => textContent !== '').length).toBe(ticks);
        expect(labels.length).toBeGreaterThan(1);
      }
    }
  });

  test('draws lines to computed points dashed', () => {
    const [, , firstToken] = charts(result);
    expect(firstToken?.points.find(({ series, tokens }) => series === 'self' && tokens === 65_536)?.measured).toBe(
      false,
    );
    const dashed = [...document.querySelectorAll('#first-token-title ~ g[stroke-dasharray]')];
    expect(dashed.filter((group) => group.getAttribute('stroke') === 'var(--self)').length).toBe(1);
    expect(dashed.filter((group) => group.children.length > 0).length).toBe(1);
  });

  test('a sweep that measured nothing still makes a page', async () => {
    const rows = [row(1024, 'kv', null, { reason: 'too large' })];
    expect(await htmlReport({ ...result, rows, gemmFlopsPerSecond: null, budgetBytes: null })).toContain('too large');
  });
});

test('ratios are to the baseline of the same length, and know when they are extrapolated', () => {
  const [self, tables, , , far] = result.rows as [SweepRow, SweepRow, SweepRow, SweepRow, SweepRow];
  expect(ratiosOf(tables, result.rows)).toEqual({
    cold: { value: 20, extrapolated: false },
    work: 50,
    warm: { value: 40, extrapolated: false },
    coldInDecodeSteps: 10,
    warmInDecodeSteps: 5,
    revisited: { value: 160, extrapolated: false },
    revisitedInDecodeSteps: 1.25,
    decode: { value: 20, extrapolated: false },
    kept: 70_000 / 30_008,
  });
  expect(ratiosOf(far, result.rows)).toMatchObject({
    cold: { value: 30, extrapolated: true },
    warm: null,
    warmInDecodeSteps: null,
    decode: null,
  });
  expect(ratiosOf(self, result.rows)).toMatchObject({ cold: null, work: null, decode: null, kept: null });
});

test('terminals get every row and no control sequences', () => {
  const text = terminalReport(result);
  expect(text).toContain('~90.0 s');
  expect(text).toContain('does not fit');
  expect(text).toContain('not reached');
  expect(text).not.toMatch(/[^\P{Cc}\n]/u);
  for (const { variant } of result.rows) expect(text).toContain(` ${variant} `);
});

test('Markdown has as many cells in each row, whatever names hold', () => {
  const text = markdownReport(result);
  const tables = text.split('\n\n').filter((part) => part.startsWith('|'));
  expect(tables.length).toBe(5);
  for (const table of tables) {
    const cells = table.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length);
    expect(new Set(cells).size).toBe(1);
  }
  expect(text).not.toMatch(/(?<!\\)<script/);
});

test('mode tables has a row for each length with what its table had seen, and no table where it was not swept', () => {
  expect(tableStates(result).rows).toEqual([
    ['1 Ki', '500', '200 ms', '10.0', '20.0×', '80 %', '100 ms', '5.0', '40.0×', '25.0 ms', '1.3', '160×'],
    ['64 Ki', '6,000', '3.00 s', '10.0', '~30.0×', '40 %', 'does not fit', '', '', '375 ms', '1.3', '~240×'],
  ]);
  const older = result.rows.map((each) => ({ ...each, timeToFirstTokenRevisited: null }));
  expect(tableStates({ ...result, rows: older }).rows.map((cells) => cells[9])).toEqual(Array(2).fill('not measured'));
  const without = { ...result, rows: result.rows.filter(({ variant }) => variant !== 'tables') };
  expect(reportTables(without).map(({ title }) => title)).toEqual(['Memory', 'Time', 'Text and baseline']);
});

test('two sweeps are compared row by row, where both have one', () => {
  const slower = result.rows
    .filter(({ variant }) => variant !== 'kv')
    .map((each) => ({
      ...each,
      decode: each.decode === null ? null : { ...each.decode, median: 2 * each.decode.median },
    }));
  expect(comparisonTable(result, { ...result, rows: slower }).rows).toEqual([
    ['1 Ki', 'self', '4.00 s', '4.00 s', '1.00×', '400 ms', '800 ms', '2.00×', '71.7 MB', '71.7 MB', '1.00×'],
    ['1 Ki', 'tables', '200 ms', '200 ms', '1.00×', '20.0 ms', '40.0 ms', '2.00×', '30.7 MB', '30.7 MB', '1.00×'],
    ['64 Ki', 'self', '~90.0 s', '~90.0 s', '~1.00×', '', '', '', '4.59 GB', '4.59 GB', '1.00×'],
    ['64 Ki', 'tables', '3.00 s', '3.00 s', '1.00×', '300 ms', '600 ms', '2.00×', '1.97 GB', '1.97 GB', '1.00×'],
    ['64 Ki', 'ids', '', '', '', '', '', '', '262 kB', '262 kB', '1.00×'],
  ]);
  expect(comparisonTable(result, { ...result, rows: [] }).rows).toEqual([]);
});
