/** A chart of the sweep as a figure. Lines are solid between measured points, dashed towards computed ones. */

import * as Plot from '@observablehq/plot';
import { formatBytes, formatMilliseconds } from '../units.ts';
import { type Chart, type ChartPoint, describeChart, type SeriesName, seriesNames } from './chart-series.ts';
import { lengthAxis, lengthFrame, svgFigure } from './svg-figure.ts';

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
  return svgFigure(document, {
    id: chart.id,
    title: chart.title,
    description: describeChart(chart),
    svg: plot(document, chart, names),
    legend: names.map((name) => ({ name, colour: colour(name), symbol: symbols[name] })),
  });
}

function plot(document: Document, chart: Chart, names: readonly SeriesName[]): Element {
  const { points, limit } = chart;
  const values = [...points.map(({ value }) => value), ...(limit === undefined ? [] : [limit.value])];
  const lengths = points.map(({ tokens }) => tokens);
  const format = chart.unit === 'bytes' ? formatBytes : formatMilliseconds;
  const domain: [number, number] = [Math.min(...values) / 1.4, Math.max(...values) * 1.4];
  const ticks = logarithmicTicks(domain);
  return Plot.plot({
    document,
    ...lengthFrame,
    y: { type: 'log', domain },
    symbol: { domain: [...names], range: names.map((name) => symbols[name]) },
    marks: [
      ...lengthAxis(lengths),
      Plot.gridY(ticks),
      Plot.axisY(ticks, { text: format, label: null }),
      ...(limit === undefined ? [] : limitMarks(limit, Math.min(...lengths))),
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

function limitMarks(limit: { value: number; label: string }, shortest: number): Plot.Markish[] {
  return [
    Plot.ruleY([limit.value], { stroke: 'var(--limit)', strokeWidth: 1.5 }),
    Plot.text([limit], {
      x: () => shortest,
      y: 'value',
      text: 'label',
      textAnchor: 'start',
      dx: 8,
      dy: -8,
      fill: 'var(--limit)',
    }),
  ];
}

function colour(name: SeriesName): string {
  return `var(--${name.replace(', ', '-')})`;
}
