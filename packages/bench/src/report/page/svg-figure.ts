/**
 * What all charts of a page share: a figure with inline SVG by Observable Plot, its title and description for readers of
 * screens, a legend, and the frame of a chart over context lengths. Colours are the page's custom properties, so that one
 * drawing serves light and dark.
 */

import * as Plot from '@observablehq/plot';
import { formatTokens } from '../units.ts';
import { element } from './element.ts';

export interface LegendEntry {
  readonly name: string;
  readonly colour: string;
  readonly symbol: Plot.SymbolType;
}

export interface FigureParts {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly svg: Element;
  readonly legend: readonly LegendEntry[];
}

export function svgFigure(document: Document, { id, title, description, svg, legend }: FigureParts): Element {
  const heading = document.createElementNS('http://www.w3.org/2000/svg', 'title');
  const details = document.createElementNS('http://www.w3.org/2000/svg', 'desc');
  heading.textContent = title;
  details.textContent = description;
  heading.setAttribute('id', `${id}-title`);
  details.setAttribute('id', `${id}-description`);
  svg.querySelector('style')?.remove(); // its rules are in the page's style sheet, which the policy knows
  namesOfMarks(svg);
  svg.prepend(heading, details);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-labelledby', `${id}-title`);
  svg.setAttribute('aria-describedby', `${id}-description`);
  const items = legend.map((entry) => element(document, 'li', {}, [sample(document, entry), entry.name]));
  return element(document, 'figure', {}, [
    element(document, 'figcaption', {}, [title]),
    element(document, 'ul', { class: 'legend' }, items),
    svg,
  ]);
}

/** Plot labels groups, which may have no label: they are parts of one image. What they are stays in an attribute of its own. */
function namesOfMarks(svg: Element): void {
  for (const group of svg.querySelectorAll('g[aria-label]')) {
    group.setAttribute('data-mark', group.getAttribute('aria-label') ?? '');
    group.removeAttribute('aria-label');
  }
}

/** Size, margins and horizontal axis of a chart over context lengths. */
export const lengthFrame = {
  className: 'chart',
  width: 640,
  height: 380,
  marginLeft: 64,
  marginRight: 24,
  marginBottom: 44,
  x: { type: 'log', base: 2, inset: 10 },
} as const satisfies Plot.PlotOptions;

/** Grid and labels at the lengths that were measured. Texts, not formats: a logarithmic axis leaves formats out where it thinks that labels are many. */
export function lengthAxis(lengths: readonly number[]): Plot.Markish[] {
  const tokens = [...new Set(lengths)].sort((a, b) => a - b);
  return [Plot.gridX(tokens), Plot.axisX(tokens, { text: formatTokens, label: 'tokens of context', labelOffset: 40 })];
}

/** A line's symbol. Plot's own legend has inline styles, which the page's policy forbids. */
function sample(document: Document, { colour, symbol }: LegendEntry): Element {
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
  namesOfMarks(drawn);
  drawn.setAttribute('aria-hidden', 'true');
  return drawn;
}
