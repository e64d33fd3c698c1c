/**
 * A chart as a figure with inline SVG, by Observable Plot; colours are the page's custom properties, so that one drawing
 * serves light and dark. Lines are solid between measured points, dashed towards computed ones.
 */

import * as Plot from '@observablehq/plot';
import { formatBytes, formatMilliseconds, formatTokens } from '../units.ts';
import { type Chart, type ChartPoint, describeChart, type SeriesName, seriesNames } from './chart-series.ts';
import { element } from './element.ts';

const symbols: Readonly<Record<SeriesName, Plot.SymbolType>> = {
  self: 'circle',
  kv: 'square',
  tables: 'triangle',
  'tables, warm': 'diamond',
  'tables, revisited': 'wye',
  states: 'star',
  ids: 'hexagon',
};

const lineWidth = 1.75;
/** The baseline's line shows on both sides of kv's where they coincide. */
const selfWidth = 5;

export function chartFigure(document: Document, chart: Chart): Element {
  const names = seriesNames.filter((name) => chart.points.some(({ series }) => series === name));
  const svg = plot(document, chart, names);
  const title = document.createElementNS('http://www.w3.org/2000/svg', 'title');
  const description = document.createElementNS('http://www.w3.org/2000/svg', 'desc');
  title.textContent = chart.title;
  description.textContent = describeChart(chart);
  title.setAttribute('id', `${chart.id}-title`);
  description.setAttribute('id', `${chart.id}-description`);
  svg.querySelector('style')?.remove(); // its rules are in the page's style sheet, which the policy knows
  svg.prepend(title, description);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-labelledby', `${chart.id}-title`);
  svg.setAttribute('aria-describedby', `${chart.id}-description`);
  return element(document, 'figure', {}, [
    element(document, 'figcaption', {}, [chart.title]),
    legend(document, names),
    svg,
  ]);
}

function plot(document: Document, chart: Chart, names: readonly SeriesName[]): Element {
  const { points, limit } = chart;
  const values = [...points.map(({ value }) => value), ...(limit === undefined ? [] : [limit.value])];
  const tokens = [...new Set(points.map((point) => point.tokens))].sort((a, b) => a - b);
  const format = chart.unit === 'bytes' ? formatBytes : formatMilliseconds;
  const domain: [number, number] = [Math.min(...values) / 1.4, Math.max(...values) * 1.4];
  const ticks = logarithmicTicks(domain);
  return Plot.plot({
    document,
    className: 'chart',
    width: 640,
    height: 380,
    marginLeft: 64,
    marginRight: 24,
    marginBottom: 44,
    x: { type: 'log', base: 2, inset: 10 },
    y: { type: 'log', domain },
    symbol: { domain: [...names], range: names.map((name) => symbols[name]) },
    marks: [
      // Texts, not formats: a logarithmic axis leaves formats out where it thinks that labels are many.
      Plot.gridX(tokens),
      Plot.gridY(ticks),
      Plot.axisX(tokens, { text: formatTokens, label: 'tokens of context', labelOffset: 40 }),
      Plot.axisY(ticks, { text: format, label: null }),
      ...(limit === undefined ? [] : limitMarks(limit, tokens)),
      ...names.flatMap((name) =>
        seriesMarks(
          name,
          points.filter(({ series }) => series === name),
        ),
      ),
    ],
  });
}

/** Powers of ten within a domain, and where it spans few of them, twice and five times those too. */
function logarithmicTicks([low, high]: [number, number]): number[] {
  const steps = high / low > 2e3 ? [1] : [1, 2, 5];
  const first = Math.floor(Math.log10(low));
  const decades = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, place) => first + place);
  const ticks = decades.flatMap((decade) => steps.map((step) => step * 10 ** decade));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

function seriesMarks(name: SeriesName, points: readonly ChartPoint[]): Plot.Markish[] {
  const stroke = colour(name);
  const options = {
    stroke,
    strokeWidth: name === 'self' ? selfWidth : lineWidth,
    strokeOpacity: name === 'self' ? 0.45 : 1,
  };
  const segments = points.slice(1).map((to, place) => ({ from: points[place] as ChartPoint, to }));
  const drawn = { ...options, x1: 'x1', x2: 'x2', y1: 'y1', y2: 'y2', strokeLinecap: 'round' } as const;
  const links = segments.map(({ from, to }) => ({
    x1: from.tokens,
    y1: from.value,
    x2: to.tokens,
    y2: to.value,
    solid: from.measured && to.measured,
  }));
  return [
    Plot.link(
      links.filter(({ solid }) => solid),
      drawn,
    ),
    Plot.link(
      links.filter(({ solid }) => !solid),
      { ...drawn, strokeDasharray: '5 6', strokeLinecap: 'butt' },
    ),
    Plot.dot(points, {
      x: 'tokens',
      y: 'value',
      symbol: 'series',
      r: name === 'self' ? 6 : 4.5,
      stroke,
      fill: (point: ChartPoint) => (point.measured ? stroke : 'var(--page)'),
      title: 'label',
    }),
  ];
}

function limitMarks(limit: { value: number; label: string }, tokens: readonly number[]): Plot.Markish[] {
  return [
    Plot.ruleY([limit.value], { stroke: 'var(--limit)', strokeWidth: 1.5 }),
    Plot.text([limit], {
      x: () => tokens[0],
      y: 'value',
      text: 'label',
      textAnchor: 'start',
      dx: 8,
      dy: -8,
      fill: 'var(--limit)',
    }),
  ];
}

/** Names with their symbols and colours. Plot's own legend has inline styles, which the page's policy forbids. */
function legend(document: Document, names: readonly SeriesName[]): Element {
  const items = names.map((name) => {
    const sample = Plot.plot({
      document,
      className: 'sample',
      width: 16,
      height: 16,
      margin: 0,
      axis: null,
      x: { domain: [0, 1] },
      y: { domain: [0, 1] },
      marks: [
        Plot.dot([0.5], {
          x: (d) => d,
          y: (d) => d,
          symbol: symbols[name],
          r: 5,
          fill: colour(name),
          stroke: colour(name),
        }),
      ],
    });
    sample.querySelector('style')?.remove();
    sample.setAttribute('aria-hidden', 'true');
    return element(document, 'li', {}, [sample, name]);
  });
  return element(document, 'ul', { class: 'legend' }, items);
}

function colour(name: SeriesName): string {
  return `var(--${name.replace(', ', '-')})`;
}
