/**
 * Loss against context length as a figure with inline SVG, by Observable Plot: a line per model, bars of one standard
 * error. Colours are the page's custom properties. Node only; loaded when a page is made.
 */

import * as Plot from '@observablehq/plot';
import { element } from '../report/page/element.ts';
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

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly symbol: Plot.SymbolType;
  readonly points: readonly Point[];
}

/** The figure; null when fewer than two lengths of any model were measured. */
export function lossChart(document: Document, rows: readonly ContextLossRow[]): Element | null {
  const lines = linesOf(rows);
  if (!lines.some(({ points }) => points.length > 1)) return null;
  const svg = plot(document, lines);
  const heading = document.createElementNS('http://www.w3.org/2000/svg', 'title');
  const description = document.createElementNS('http://www.w3.org/2000/svg', 'desc');
  heading.textContent = title;
  description.textContent = describeLines(lines);
  heading.setAttribute('id', 'context-loss-title');
  description.setAttribute('id', 'context-loss-description');
  svg.querySelector('style')?.remove(); // its rules are in the page's style sheet, which the policy knows
  svg.prepend(heading, description);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-labelledby', 'context-loss-title');
  svg.setAttribute('aria-describedby', 'context-loss-description');
  const names = lines.map((line) => element(document, 'li', {}, [sample(document, line), line.name]));
  return element(document, 'figure', {}, [
    element(document, 'figcaption', {}, [title]),
    element(document, 'ul', { class: 'legend' }, names),
    svg,
  ]);
}

function linesOf(rows: readonly ContextLossRow[]): Line[] {
  const names = [...new Set(rows.map(({ model }) => model))];
  return names.map((name, order) => ({
    name,
    ...(looks[order % looks.length] as (typeof looks)[number]),
    points: rows.flatMap(({ model, tokens, loss, standardError }) => {
      if (model !== name || loss === null) return [];
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
  const tokens = [...new Set(all.map((point) => point.tokens))].sort((a, b) => a - b);
  const [low, high] = [Math.min(...all.map((point) => point.low)), Math.max(...all.map((point) => point.high))];
  const margin = (high - low) / 12 || 0.1;
  return Plot.plot({
    document,
    className: 'chart',
    width: 640,
    height: 380,
    marginLeft: 64,
    marginRight: 24,
    marginBottom: 44,
    x: { type: 'log', base: 2, inset: 10 },
    y: { domain: [low - margin, high + margin] },
    marks: [
      Plot.gridX(tokens),
      Plot.gridY(),
      Plot.axisX(tokens, { text: formatTokens, label: 'tokens of context', labelOffset: 40 }),
      Plot.axisY({ label: null }),
      ...lines.flatMap(({ points, colour, symbol }) => [
        Plot.ruleX(points, { x: 'tokens', y1: 'low', y2: 'high', stroke: colour, strokeOpacity: 0.6 }),
        Plot.line(points, { x: 'tokens', y: 'loss', stroke: colour, strokeWidth: 1.75 }),
        Plot.dot(points, { x: 'tokens', y: 'loss', symbol, r: 4.5, fill: colour, stroke: colour, title: 'label' }),
      ]),
    ],
  });
}

/** A line's symbol. Plot's own legend has inline styles, which the page's policy forbids. */
function sample(document: Document, { colour, symbol }: Line): Element {
  const drawn = Plot.plot({
    document,
    className: 'sample',
    width: 16,
    height: 16,
    margin: 0,
    axis: null,
    x: { domain: [0, 1] },
    y: { domain: [0, 1] },
    marks: [Plot.dot([0.5], { x: (d) => d, y: (d) => d, symbol, r: 5, fill: colour, stroke: colour })],
  });
  drawn.querySelector('style')?.remove();
  drawn.setAttribute('aria-hidden', 'true');
  return drawn;
}
