/** The bench of switching as facts and tables. */

import { environmentFacts, type Fact } from '../report/facts.ts';
import type { ReportTable } from '../report/report-table.ts';
import { formatBytes, formatMilliseconds } from '../report/units.ts';
import type { SwitchingResult } from './switching-result.ts';

export const switchingTitle = 'Switching layers to InAttention';

export function switchingFacts(result: SwitchingResult): Fact[] {
  const { interrupted, model, text, original, healing, backend, device, environment, created, command } = result;
  const count = (value: number) => value.toLocaleString('en-US');
  return [
    ...(interrupted === undefined
      ? []
      : [{ name: 'Interrupted', value: `${interrupted} What follows was measured before.` }]),
    { name: 'Model', value: `${model.name}, ${count(model.parameters)} parameters, ${model.layers} layers` },
    { name: 'Held-out text', value: `${text.name}, losses of its first ${count(text.tokens)} tokens` },
    { name: 'Nothing switched', value: `${original.toFixed(3)} nats` },
    ...(healing === null ? [] : healingFacts(healing)),
    { name: 'Backend', value: `${backend} (${device})` },
    ...environmentFacts(environment),
    { name: 'Date', value: created },
    ...(command === undefined ? [] : [{ name: 'To repeat it', value: command }]),
  ];
}

function healingFacts({ settings, text, peakBytes, plannedBytes }: NonNullable<SwitchingResult['healing']>): Fact[] {
  const { length, steps, learningRate, temperature, weight } = settings;
  return [
    {
      name: 'Healing',
      value: `distillation from the model as it was (temperature ${temperature}, weight ${weight}), switched layers alone trained; ${steps} steps of AdamW for each layer at a rate of ${learningRate}, one text of ${length} tokens each`,
    },
    { name: 'Healed on', value: `${text.name}, ${text.tokens.toLocaleString('en-US')} tokens` },
    { name: 'Memory of healing', value: `${formatBytes(peakBytes)} at most; planned: ${formatBytes(plannedBytes)}` },
  ];
}

export function switchingTables(result: SwitchingResult): ReportTable[] {
  return [untrainedTable(result), healedTable(result)].filter(({ rows }) => rows.length > 0);
}

function untrainedTable({ original, rows }: SwitchingResult): ReportTable {
  return {
    title: 'Nothing trained',
    notes: ['Nats per token of the held-out text; “more”: than with nothing switched.'],
    columns: [right('layer'), right('alone'), right('more'), right('layers 0 to it'), right('more')],
    rows: rows.map(({ layer, alone, cumulative }) => [
      String(layer),
      ...[alone, cumulative].flatMap((loss) => (loss === null ? ['', ''] : [nats(loss), more(loss - original)])),
    ]),
    rowHeaders: 1,
  };
}

function healedTable({ original, healing }: SwitchingResult): ReportTable {
  return {
    title: 'Switched one after another, and healed',
    notes: [
      'Each row has the layers of the rows above switched and healed. “brought back”: of what was lost when the row’s training began.',
      'Training loss: of distillation, mean of the last fifth of the steps.',
    ],
    columns: [
      ...[right('switched'), right('layer'), right('before'), right('after'), right('more than original')],
      ...[right('brought back'), right('training loss'), right('steps'), right('time')],
    ],
    rows: (healing?.rows ?? []).map(({ layer, before, after, trainingLoss, steps, seconds }, place) => [
      ...[String(place + 1), String(layer), nats(before), nats(after), more(after - original)],
      before > original ? `${((100 * (before - after)) / (before - original)).toFixed(0)} %` : '',
      ...[nats(trainingLoss), String(steps), formatMilliseconds(1000 * seconds)],
    ]),
  };
}

function nats(loss: number): string {
  return loss.toFixed(3);
}

function more(difference: number): string {
  return `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(3)}`;
}

function right(title: string): ReportTable['columns'][number] {
  return { title, align: 'right' };
}
