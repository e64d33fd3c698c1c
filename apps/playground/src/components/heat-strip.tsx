/** The whole context as one strip of heat, however long it is. Choosing a place shows its text. */

import { type KeyboardEvent, type PointerEvent, useEffect, useRef } from 'react';
import { formatCount } from '../format.ts';
import { heatBins, heatLevel } from '../heat.ts';

interface HeatStripProps {
  readonly weights: Float32Array;
  /** The first position of the text that is shown, and how many. */
  readonly start: number;
  readonly shown: number;
  readonly onChoose: (position: number) => void;
}

const height = 36;

export function HeatStrip({ weights, start, shown, onChoose }: HeatStripProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (element === null || context === null || context === undefined) return;
    const width = Math.max(1, Math.round(element.clientWidth * devicePixelRatio));
    element.width = width;
    element.height = height * devicePixelRatio;
    const style = getComputedStyle(element);
    const bins = heatBins(weights, Math.min(width, weights.length));
    const strongest = bins.reduce((most, weight) => Math.max(most, weight), 0);
    const step = width / bins.length;
    context.fillStyle = style.getPropertyValue('--heat');
    bins.forEach((weight, at) => {
      context.globalAlpha = heatLevel(weight, strongest);
      context.fillRect(at * step, 0, Math.max(1, step), element.height);
    });
    context.globalAlpha = 1;
    context.strokeStyle = style.color;
    context.lineWidth = 2;
    context.strokeRect(
      (start * width) / weights.length,
      1,
      Math.max(2, (shown * width) / weights.length),
      element.height - 2,
    );
  }, [weights, start, shown]);
  const point = ({ currentTarget, clientX, buttons, type }: PointerEvent<HTMLCanvasElement>) => {
    if (type === 'pointermove' && buttons === 0) return;
    const { left, width } = currentTarget.getBoundingClientRect();
    onChoose(Math.floor(((clientX - left) / width) * weights.length));
  };
  const press = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    onChoose(start + Math.round(shown / 2) + by * Math.max(1, Math.round(shown / 2)));
  };
  return (
    <canvas
      ref={canvas}
      className="strip"
      role="slider"
      tabIndex={0}
      aria-label="Place in the context whose text is shown"
      aria-valuemin={0}
      aria-valuemax={Math.max(0, weights.length - 1)}
      aria-valuenow={start}
      aria-valuetext={`tokens from ${formatCount(start)} of ${formatCount(weights.length)}`}
      onPointerDown={point}
      onPointerMove={point}
      onKeyDown={press}
    />
  );
}
