/** A run's metrics.jsonl as curves short enough to ship, and its sums. */

/** Points of a curve, at most. */
const points = 200;

/** Lines of metrics, checked to be whole: steps 1, 2, 3 … in order. */
export function parseMetrics(text) {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const wrong = lines.findIndex(({ step, loss }, place) => step !== place + 1 || !Number.isFinite(loss));
  if (wrong !== -1) throw new TypeError(`metrics.jsonl: line ${wrong + 1} is not that of step ${wrong + 1}`);
  return lines;
}

/** Curves and sums of a run. Each training loss is the mean of the steps after the point before; validation as measured. */
export function condense(lines) {
  const perPoint = Math.ceil(lines.length / points);
  const training = { steps: /** @type {number[]} */ ([]), losses: /** @type {number[]} */ ([]) };
  for (let start = 0; start < lines.length; start += perPoint) {
    const part = lines.slice(start, start + perPoint);
    training.steps.push(part.at(-1).step);
    training.losses.push(rounded(sum(part, 'loss') / part.length));
  }
  const measured = lines.filter(({ validationLoss }) => validationLoss !== undefined);
  const stride = Math.max(1, Math.ceil(measured.length / points));
  const kept = measured.filter((_, place) => (measured.length - 1 - place) % stride === 0); // the last one always
  return {
    training,
    validation: { steps: kept.map(({ step }) => step), losses: kept.map((line) => rounded(line.validationLoss)) },
    tokens: sum(lines, 'tokens'),
    seconds: Math.round(sum(lines, 'seconds')),
  };
}

function sum(lines, name) {
  return lines.reduce((total, line) => total + line[name], 0);
}

/** Four decimals say what a loss is. */
export function rounded(loss) {
  return Math.round(loss * 1e4) / 1e4;
}
