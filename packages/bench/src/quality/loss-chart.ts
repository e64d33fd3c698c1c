/** Loss against context length as a figure: a line per model, bars of one standard error. Loaded when a page is made. */

import * as Plot from '@observablehq/plot';
import { type LegendEntry, lengthAxis, lengthFrame, svgFigure } from '../report/page/svg-figure.ts';
import { formatTokens } from '../report/units.ts';
import type { ContextLossRow } from './quality-result.ts';

const title = 'Loss by context length';

/** Colours and symbols of models in their order; further models begin anew. */
const looks: readonly { readonly colour: string; readonly symbol: Plot.SymbolType }[] = [
  { colour: 'var(--tables)', symbol: 'circle' },
  { colour: 'var(--kv)', symbol: 'square' },
  { colour: 'var(--states)', symbol: 'triangle' },
  { colour: 'var(--ids)', symbol: 'diamond' },
  { colour: 'var(--self)', symbol: 'star' },
];

interface Point {
  readonly tokens: number;
  readonly loss: number;
  readonly low: number;
  readonly high: number;
  readonly label: string;
}

interface Line extends LegendEntry {
  readonly points: readonly Point[];
}

/** The figure; null when fewer than two lengths of any model were measured. */
export function lossChart(document: Document, rows: readonly ContextLossRow[]): Element | null {
  const lines = linesOf(rows);
  if (!lines.some(({ points }) => points.length > 1)) return null;
  const description = describeLines(lines);
  return svgFigure(document, { id: 'context-loss', title, description, svg: plot(document, lines), legend: lines });
}

function linesOf(rows: readonly ContextLossRow[]): Line[] {
  const names = [...new Set(rows.map(({ model }) => model))];
  return names.map((name, order) => ({
    name,
    ...(looks[order % looks.length] as (typeof looks)[number]),
    points: rows.flatMap(({ model, tokens, loss, standardError }) => {
      if (model !== name || loss === null || tokens === 0) return []; // the axis is logarithmic
      const error = standardError ?? 0;
      const label = `${name} at ${formatTokens(tokens)}: ${loss.toFixed(4)} ± ${error.toFixed(4)} nats`;
      return [{ tokens, loss, low: loss - error, high: loss + error, label }];
    }),
  }));
}

function describeLines(lines: readonly Line[]): string {
  const ends = lines.flatMap(({ points }) => [points[0], points.at(-1)].flatMap((point) => point?.label ?? []));
  return `Nats per token against tokens of context, the latter logarithmic. ${ends.join('; ')}. The table “${title}” has every figure.`;
}

function plot(document: Document, lines: readonly Line[]): Element {
  const all = lines.flatMap(({ points }) => points);
  const [low, high] = [Math.min(...all.map((point) => point.low)), Math.max(...all.map((point) => point.high))];
  const margin = (high - low) / 12 || 0.1;
  return Plot.plot({
    document,
    ...lengthFrame,
    y: { domain: [low - margin, high + margin] },
    marks: [
      ...lengthAxis(all.map(({ tokens }) => tokens)),
      Plot.gridY(),
      Plot.axisY({ label: null }),
      ...lines.flatMap(({ points, colour, symbol }) => [
        Plot.ruleX(points, { x: 'tokens', y1: 'low', y2: 'high', stroke: colour, strokeOpacity: 0.6 }),
        Plot.line(points, { x: 'tokens', y: 'loss', stroke: colour, strokeWidth: 1.75 }),
        Plot.dot(points, { x: 'tokens', y: 'loss', symbol, r: 4.5, fill: colour, stroke: colour, title: 'label' }),
      ]),
    ],
  });
}
