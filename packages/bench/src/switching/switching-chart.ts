/** Losses with layers switched as figures: by layer, nothing trained; and layer after layer, before and after healing. Loaded when a page is made. */

import * as Plot from '@observablehq/plot';
import { type LegendEntry, svgFigure } from '../report/page/svg-figure.ts';
import type { SwitchingResult } from './switching-result.ts';

interface Line extends LegendEntry {
  readonly points: readonly Point[];
}

interface Point {
  /** Place on the horizontal axis. */
  readonly at: number;
  readonly loss: number;
  readonly label: string;
}

const looks = {
  alone: { colour: 'var(--tables)', symbol: 'circle' },
  below: { colour: 'var(--kv)', symbol: 'square' },
  healed: { colour: 'var(--states)', symbol: 'triangle' },
} as const;

/** The figures that there is something to draw in. */
export function switchingCharts(document: Document, result: SwitchingResult): Element[] {
  return [untrained(document, result), healed(document, result)].filter((figure) => figure !== null);
}

function untrained(document: Document, { rows, original }: SwitchingResult): Element | null {
  const line = (name: string, look: (typeof looks)[keyof typeof looks], kind: 'alone' | 'cumulative'): Line => ({
    ...{ name, ...look },
    points: rows.flatMap((row) => {
      const { layer, [kind]: loss } = row;
      return loss === null ? [] : [{ at: layer, loss, label: `layer ${layer}, ${name}: ${loss.toFixed(4)} nats` }];
    }),
  });
  const lines = [line('alone', looks.alone, 'alone'), line('with all below', looks.below, 'cumulative')];
  return figure(document, 'switched-untrained', 'Loss with layers switched, nothing trained', 'layer', lines, original);
}

function healed(document: Document, { healing, original }: SwitchingResult): Element | null {
  const rows = healing?.rows ?? [];
  const line = (name: string, look: (typeof looks)[keyof typeof looks], kind: 'before' | 'after'): Line => ({
    ...{ name, ...look },
    points: rows.map((row, place) => {
      const loss = row[kind];
      return { at: place + 1, loss, label: `layer ${row.layer}, ${name}: ${loss.toFixed(4)} nats` };
    }),
  });
  const lines = [line('before healing', looks.below, 'before'), line('after healing', looks.healed, 'after')];
  const title = 'Loss before and after healing';
  return figure(document, 'switched-healed', title, 'layers switched', lines, original);
}

function figure(
  document: Document,
  id: string,
  title: string,
  label: string,
  lines: readonly Line[],
  original: number,
): Element | null {
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) return null;
  const ends = lines.flatMap(({ points }) => [points[0], points.at(-1)].flatMap((point) => point?.label ?? []));
  const description = `Nats per token against ${label}; the dashed line is the model with nothing switched, ${original.toFixed(4)}. ${ends.join('; ')}. The tables have every figure.`;
  const svg = plot(document, label, lines, original);
  return svgFigure(document, { id, title, description, svg, legend: lines });
}

function plot(document: Document, label: string, lines: readonly Line[], original: number): Element {
  const all = lines.flatMap(({ points }) => points);
  const places = [...new Set(all.map(({ at }) => at))].sort((a, b) => a - b);
  const every = Math.ceil(places.length / 16);
  const ticks = places.filter((_, place) => place % every === 0);
  const losses = [original, ...all.map(({ loss }) => loss)];
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const margin = (high - low) / 12 || 0.1;
  return Plot.plot({
    document,
    ...{ className: 'chart', width: 640, height: 380, marginLeft: 64, marginRight: 24, marginBottom: 44 },
    x: { inset: 10 },
    y: { domain: [low - margin, high + margin] },
    marks: [
      Plot.gridX(ticks),
      Plot.axisX(ticks, { text: String, label, labelOffset: 40 }),
      Plot.gridY(),
      Plot.axisY({ label: null }),
      Plot.ruleY([original], { stroke: 'var(--self)', strokeDasharray: '5 4' }),
      ...lines.flatMap(({ points, colour, symbol }) => [
        Plot.line(points, { x: 'at', y: 'loss', stroke: colour, strokeWidth: 1.75 }),
        Plot.dot(points, { x: 'at', y: 'loss', symbol, r: 4.5, fill: colour, stroke: colour, title: 'label' }),
      ]),
    ],
  });
}
