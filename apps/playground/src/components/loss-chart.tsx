/** Loss by step while a run goes on: each step, their running mean, and the loss on the text that was set apart. */

import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import type { TrainingHistory } from '../training/training-protocol.ts';

const height = 220;

/** Weight of a step in the running mean, beyond the first steps. */
const smoothing = 0.1;

export function LossChart({ history, steps }: { readonly history: TrainingHistory; readonly steps: number }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(null);
  const latest = useRef(history);
  latest.current = history;
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const draw = () => {
      chart.current?.destroy();
      chart.current = new uPlot(optionsFor(element, steps), columns(latest.current), element);
    };
    draw();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    const sizes = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      dark.removeEventListener('change', draw);
      sizes.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [steps]);
  useEffect(() => {
    const frame = requestAnimationFrame(() => chart.current?.setData(columns(history)));
    return () => cancelAnimationFrame(frame);
  }, [history]);
  return <div ref={place} className="chart" role="img" aria-label={summary(history)} />;
}

function optionsFor(element: HTMLElement, steps: number): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour('--ink'),
    grid: { stroke: colour('--grid'), width: 1 },
    ticks: { stroke: colour('--grid'), width: 1 },
    font: '12px system-ui, sans-serif',
  };
  const number = (digits: number) => (_: uPlot, value: number | null) => (value === null ? '–' : value.toFixed(digits));
  return {
    width: element.clientWidth,
    height,
    scales: { x: { time: false, range: [1, Math.max(2, steps)] } },
    cursor: { drag: { x: false, y: false } },
    axes: [axis, { ...axis, size: 48 }],
    series: [
      { label: 'Step', value: number(0) },
      { label: 'Loss of a step', stroke: colour('--faint'), width: 1, points: { show: false }, value: number(3) },
      { label: 'running mean', stroke: colour('--accent'), width: 2, points: { show: false }, value: number(3) },
      {
        label: 'text set apart',
        stroke: colour('--strong'),
        width: 2,
        spanGaps: true,
        points: { show: true, size: 6, fill: colour('--strong') },
        value: number(3),
      },
    ],
  };
}

function columns({ losses, validation }: TrainingHistory): uPlot.AlignedData {
  const apart: (number | null)[] = losses.map(() => null);
  for (const { step, loss } of validation) if (step <= apart.length) apart[step - 1] = loss;
  let mean = losses[0] ?? 0;
  const means = losses.map((loss, at) => {
    mean += Math.max(smoothing, 1 / (at + 1)) * (loss - mean);
    return mean;
  });
  return [losses.map((_, at) => at + 1), [...losses], means, apart];
}

function summary({ losses }: TrainingHistory): string {
  const [first] = losses;
  const last = losses.at(-1);
  if (first === undefined || last === undefined) return 'Loss by step: no step yet';
  return `Loss by step: ${first.toFixed(2)} at step 1, ${last.toFixed(2)} at step ${losses.length}`;
}
