/** The quality bench in plain cells and sentences: one definition for terminals, Markdown and HTML. */

import { environmentFacts, type Fact } from '../report/facts.ts';
import type { ReportColumn, ReportTable } from '../report/report-table.ts';
import { formatTokens } from '../report/units.ts';
import type { ContextLossRow, QualityResult, TaskVariant } from './quality-result.ts';

export const qualityTitle = 'Quality';

/** A change counts when it is more than so many standard errors. */
const significant = 2;

export function qualityFacts(result: QualityResult): Fact[] {
  const { text, models, environment, tasks } = result;
  const settings = tasks?.settings;
  return [
    ...(result.interrupted === undefined
      ? []
      : [{ name: 'Interrupted', value: `${result.interrupted} What follows was measured before.` }]),
    ...models.map(({ name, parameters, attention, window, positions, contextLength }) => ({
      name: `Model ${name}`,
      value: `${count(parameters)} parameters, ${attention}, w = ${window}, ${positions}, trained on ${formatTokens(contextLength)} tokens`,
    })),
    ...(text === null
      ? []
      : [
          {
            name: 'Text',
            value: `${text.name}, ${documentCount(text.documents)}${text.bytes === null ? '' : `, ${count(text.bytes)} bytes`}`,
          },
        ]),
    ...(settings === undefined
      ? []
      : [
          {
            name: 'Models of the tasks',
            value:
              `${settings.layers} layers, D ${settings.hiddenSize}, F ${settings.intermediateSize}, ${settings.heads} heads; ` +
              `${settings.steps} steps of ${settings.batch} texts, AdamW ${settings.learningRate} cosine after ${settings.warmup} steps of warm-up, ` +
              `decay ${settings.weightDecay}, weights of deviation ${settings.deviation}, seed ${settings.seed}; losses of the answers alone`,
          },
        ]),
    { name: 'Backend', value: `${result.backend} (${result.device})` },
    ...environmentFacts(environment),
    { name: 'Date', value: result.created },
    ...(result.command === undefined ? [] : [{ name: 'To repeat it', value: result.command }]),
  ];
}

export function qualityTables(result: QualityResult): ReportTable[] {
  return [testLossTable(result), contextLossTable(result), taskTable(result)].filter(({ rows }) => rows.length > 0);
}

function testLossTable({ testLoss }: QualityResult): ReportTable {
  const [first] = testLoss?.rows ?? [];
  return {
    title: 'Test loss',
    notes: [
      `Nats per token over the whole text, in windows of ${formatTokens(testLoss?.windowLength ?? 0)} tokens: the shortest length that one of the models was trained on. No window sees another, no document another.`,
    ],
    columns: [
      left('model'),
      right('loss'),
      right('perplexity'),
      right('bits per byte'),
      right('tokens'),
      right('less the first'),
    ],
    rows: (testLoss?.rows ?? []).map(({ model, loss, lossTerms, bitsPerByte }, order) => [
      model,
      loss.toFixed(4),
      Math.exp(loss).toPrecision(4),
      bitsPerByte === null ? '' : bitsPerByte.toFixed(4),
      count(lossTerms),
      order === 0 || first === undefined ? '' : signed(loss - first.loss),
    ]),
  };
}

function contextLossTable({ contextLoss }: QualityResult): ReportTable {
  return {
    title: 'Loss by context length',
    notes:
      contextLoss === null
        ? []
        : [
            `Nats per token at ${count(contextLoss.targets)} targets in ${documentCount(contextLoss.documents)}, the same for every length and model (seed ${contextLoss.seed}); each is foreseen from exactly so many tokens of its document before it.`,
            '“change”: the mean of the differences target by target from the length before. ± is one standard error.',
            ...verdicts(contextLoss.rows),
          ],
    columns: [left('model'), right('tokens of context'), right('loss'), right('change'), left('')],
    rows: (contextLoss?.rows ?? []).map(({ model, tokens, loss, standardError, change, changeError, reason }) => [
      model,
      formatTokens(tokens),
      loss === null ? '' : `${loss.toFixed(4)} ± ${(standardError ?? Number.NaN).toFixed(4)}`,
      change === null ? '' : `${signed(change)} ± ${(changeError ?? Number.NaN).toFixed(4)}`,
      reason ?? '',
    ]),
  };
}

/** For each model, in a sentence: whether its loss keeps falling as context grows. */
export function verdicts(rows: readonly ContextLossRow[]): string[] {
  const models = [...new Set(rows.map(({ model }) => model))];
  return models.flatMap((model) => {
    const measured = rows.filter((row) => row.model === model && row.loss !== null);
    if (measured.length < 2) return [];
    const steps = measured.slice(1).map((row, place) => {
      const { change, changeError } = row;
      const clear = Math.abs(change ?? 0) > significant * (changeError ?? Number.POSITIVE_INFINITY);
      const kind = clear ? ((change ?? 0) < 0 ? 'falls' : 'rises') : 'does not change beyond chance';
      return { kind, from: measured[place]?.tokens ?? 0, to: row.tokens };
    });
    const span = `${formatTokens(measured[0]?.tokens ?? 0)} to ${formatTokens(measured.at(-1)?.tokens ?? 0)} tokens`;
    if (steps.every(({ kind }) => kind === 'falls')) return [`${model}: the loss falls with every step from ${span}.`];
    const parts = steps.map(({ kind, from, to }) => `${kind} from ${formatTokens(from)} to ${formatTokens(to)}`);
    return [`${model}: the loss does not keep falling from ${span}: it ${parts.join(', ')}.`];
  });
}

function taskTable({ tasks }: QualityResult): ReportTable {
  return {
    title: 'Recall and copying',
    notes:
      tasks === null
        ? []
        : [
            'Share of the answers that are right on texts that training did not see, the likeliest token taken, the right ones before it given. “learnt at”: the step after which it was first at least 95 %, looked at ten times.',
            ...tasks.tasks.map(
              ({ name, description, chance }) => `${name}: ${description}. A guess is right in ${percent(chance)}.`,
            ),
          ],
    columns: [
      ...[left('task'), left('attention'), left('positions'), right('w')],
      ...[right('accuracy'), right('learnt at'), right('steps'), right('parameters'), right('loss')],
    ],
    rows: (tasks?.rows ?? []).map((row) => [
      row.task,
      attentionName(row),
      row.positions,
      String(row.window),
      percent(row.correct / row.answers),
      row.learntAt === null ? '' : count(row.learntAt),
      count(row.steps),
      count(row.parameters),
      row.loss.toFixed(3),
    ]),
  };
}

function attentionName({ attention }: TaskVariant): string {
  return attention === 'self' ? 'self' : 'InAttention';
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function documentCount(documents: number): string {
  return `${count(documents)} document${documents === 1 ? '' : 's'}`;
}

function left(title: string): ReportColumn {
  return { title, align: 'left' };
}

function right(title: string): ReportColumn {
  return { title, align: 'right' };
}
