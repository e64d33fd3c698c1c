/** `inattention score`: the loss of each token of a text under a model, by the chosen context mode's own path. */

import { formatBytes } from '@inattention/bench';
import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { consecutive } from '@inattention/core/math';
import { Command } from 'commander';
import { type RunFlags, readTokens, withModel, withRunFlags } from '../open.ts';
import { startProgress, type Terminal } from '../terminal.ts';
import { positions } from '../values.ts';

interface ScoreFlags extends RunFlags {
  readonly tokens: string;
  readonly positions?: readonly number[];
}

export function scoreCommand(terminal: Terminal): Command {
  const command = new Command('score').description('Loss of each token of a text given the tokens before it');
  return withRunFlags(command)
    .requiredOption('--tokens <file>', 'JSON array of ids, or object with "tokens"')
    .option('--positions <list>', 'only the loss of tokens[p + 1] for these p, comma-separated', positions)
    .addHelpText(
      'after',
      `
Prints the mean natural-log loss, and with --json also each one: nll[i] is the loss of tokens[i + 1] given tokens[0 … i].

Examples:
  inattention score --model models/small --tokens text.json
  inattention score --model models/small --tokens text.json --context tables --positions 3,17 --json`,
    )
    .action((flags: ScoreFlags) => score(flags, terminal));
}

function score(flags: ScoreFlags, terminal: Terminal): Promise<void> {
  return withModel(flags, terminal, async (model, { backend }) => {
    const tokens = await readTokens(flags.tokens, model.config.vocabSize);
    if (tokens.length < 2) {
      throw new InvalidFileError({
        what: `${flags.tokens} is too short to be scored.`,
        got: `${tokens.length} ids`,
        expected: 'at least 2',
      });
    }
    const length = tokens.length - 1;
    const chosen = flags.positions ?? consecutive(0, length);
    checkPositions(flags.positions ?? [], length);
    using session = model.createSession({
      context: flags.context,
      dtype: flags.contextDtype,
      expectedTokens: length,
      ...(flags.budget !== undefined && { budget: flags.budget }),
    });
    const progress = startProgress(terminal, 'scoring');
    const options = {
      signal: terminal.signal,
      onProgress: ({ done, total }: { done: number; total: number }) => progress.update(done, total),
    };
    try {
      await session.append(tokens.subarray(0, length), options);
      const targets = Int32Array.from(chosen, (position) => tokens[position + 1] as number);
      const nll = await session.lossAt(chosen, targets, options);
      progress.stop();
      const loss = nll.reduce((sum, value) => sum + value, 0) / nll.length;
      const { mode: contextMode, contextBytes, tableBytes } = session;
      if (flags.json) {
        const device = backend.info.device;
        const result = { nll: [...nll], loss, contextMode, contextBytes, tableBytes, backend: backend.name, device };
        terminal.out(`${JSON.stringify(result)}\n`);
      } else {
        terminal.out(
          `loss ${loss.toFixed(6)} nats over ${nll.length} tokens (perplexity ${Math.exp(loss).toPrecision(5)})\n` +
            `context "${contextMode}": ${formatBytes(contextBytes)}, table ${formatBytes(tableBytes)}; ` +
            `${backend.name}, ${backend.info.device}\n`,
        );
      }
    } finally {
      progress.stop();
    }
  });
}

function checkPositions(list: readonly number[], length: number): void {
  const wrong = list.find((position) => position >= length);
  if (wrong !== undefined) {
    throw new InvalidArgumentError({
      what: 'A position has no next token to score.',
      got: String(wrong),
      expected: `a position from 0 to ${length - 1}`,
    });
  }
}
