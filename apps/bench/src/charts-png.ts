/**
 * The charts on the page as one PNG: titles, legends and charts laid out in one SVG, whose colours are fixed as they are
 * on the page now, light or dark, and drawn on a canvas.
 */

import { UnsupportedError } from '@inattention/core';

const svgNamespace = 'http://www.w3.org/2000/svg';
const fontFamily = 'system-ui, sans-serif';
/** CSS pixels. */
const [margin, titleHeight, legendHeight, sampleSize] = [16, 26, 20, 16];
/** Of charts as they are drawn (lengthFrame of the report). */
const [chartWidth, chartHeight] = [640, 380];
/** Pixels of the file to one of CSS. */
const scale = 2;

/** Throws UnsupportedError where the browser does not draw it. */
export async function chartsPng(figures: readonly Element[], heading: string): Promise<Blob> {
  const sheet = layOut(figures, heading);
  const source = new XMLSerializer().serializeToString(sheet);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = scale * Number(sheet.getAttribute('width'));
  canvas.height = scale * Number(sheet.getAttribute('height'));
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob !== null) return blob;
  throw new UnsupportedError({ what: 'This browser does not make PNGs of charts.', fix: 'save the result as JSON' });
}

/** Charts in two columns under a heading. */
function layOut(figures: readonly Element[], heading: string): SVGElement {
  const columns = Math.min(2, figures.length);
  const cellWidth = chartWidth + margin;
  const cellHeight = titleHeight + legendHeight + chartHeight + margin;
  const width = margin + columns * cellWidth;
  const height = 2 * margin + titleHeight + Math.ceil(figures.length / columns) * cellHeight;
  const sheet = made('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'font-family': fontFamily });
  sheet.setAttribute('color', getComputedStyle(document.body).color);
  sheet.append(made('rect', { width, height, fill: 'var(--page)' }));
  sheet.append(textAt(heading, margin, margin + 18, { 'font-size': 18, 'font-weight': 'bold' }));
  for (const [order, figure] of figures.entries()) {
    const x = margin + (order % columns) * cellWidth;
    const y = 2 * margin + titleHeight + Math.floor(order / columns) * cellHeight;
    sheet.append(...chartAt(figure, x, y));
  }
  fixColours(sheet);
  return sheet;
}

function chartAt(figure: Element, x: number, y: number): SVGElement[] {
  const title = figure.querySelector('figcaption')?.textContent ?? '';
  const chart = figure.querySelector('svg.chart')?.cloneNode(true);
  const parts = [
    textAt(title, x, y + 14, { 'font-size': 14, 'font-weight': 'bold' }),
    ...legendAt(figure, x, y + titleHeight),
  ];
  if (!(chart instanceof SVGElement)) return parts;
  const place = { x, y: y + titleHeight + legendHeight, width: chartWidth, height: chartHeight, 'font-size': 11 };
  for (const [name, value] of Object.entries(place)) chart.setAttribute(name, String(value));
  return [...parts, chart];
}

function legendAt(figure: Element, left: number, y: number): SVGElement[] {
  const ruler = document.createElement('canvas').getContext('2d');
  if (ruler !== null) ruler.font = `12px ${fontFamily}`;
  let x = left;
  return [...figure.querySelectorAll('.legend li')].flatMap((entry) => {
    const sample = entry.querySelector('svg')?.cloneNode(true);
    const name = entry.textContent ?? '';
    const text = textAt(name, x + sampleSize + 4, y + 12, { 'font-size': 12 });
    if (sample instanceof SVGElement) {
      sample.setAttribute('x', String(x));
      sample.setAttribute('y', String(y));
    }
    x += sampleSize + 20 + (ruler?.measureText(name).width ?? 8 * name.length);
    return sample instanceof SVGElement ? [sample, text] : [text];
  });
}

/** Custom properties of the page are not known to a picture: their values are put in their places. */
function fixColours(sheet: SVGElement): void {
  const values = getComputedStyle(document.documentElement);
  for (const element of [sheet, ...sheet.querySelectorAll('*')]) {
    for (const { name, value } of [...element.attributes]) {
      const property = /^var\((--[\w-]+)\)$/.exec(value)?.[1];
      if (property !== undefined) element.setAttribute(name, values.getPropertyValue(property).trim());
    }
  }
}

function textAt(content: string, x: number, y: number, look: Readonly<Record<string, string | number>>): SVGElement {
  const text = made('text', { x, y, fill: 'var(--text)', ...look });
  text.textContent = content;
  return text;
}

function made(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const element = document.createElementNS(svgNamespace, name) as SVGElement;
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, String(value));
  return element;
}
