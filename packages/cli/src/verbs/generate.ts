/** `inattention generate`: continues a prompt. */

import { formatBytes, formatMilliseconds } from '@inattention/bench';
import type { Backend } from '@inattention/core';
import { type GeneratedToken, generate, type Model, type Session } from '@inattention/model';
import { Command } from 'commander';
import { type RunFlags, readText, readTokens, withModel, withRunFlags } from '../open.ts';
import { startProgress, type Terminal } from '../terminal.ts';
import { collect, count, number } from '../values.ts';

interface GenerateFlags extends RunFlags {
  readonly prompt?: string;
  readonly promptFile?: string;
  readonly tokens?: string;
  readonly chat?: string;
  readonly system?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
  readonly stop: readonly string[];
}

export function generateCommand(terminal: Terminal): Command {
  const command = new Command('generate').description('Continue a prompt');
  return withRunFlags(command)
    .option('--prompt <text>', 'the prompt')
    .option('--prompt-file <file>', 'a text file with the prompt')
    .option('--tokens <file>', 'a JSON file with the prompt as ids')
    .option('--chat <text>', "a message to answer, written as the model's chat template has it")
    .option('--system <text>', 'instructions before the message of --chat')
    .requiredOption('--max-tokens <n>', 'tokens to generate at most', count(0))
    .option('--temperature <t>', '0: the likeliest token', number, 0)
    .option('--top-k <k>', 'keep the k likeliest tokens', count(1))
    .option('--top-p <p>', 'keep the likeliest tokens up to this probability', number, 1)
    .option('--min-p <p>', 'keep tokens at least this fraction as likely as the likeliest', number, 0)
    .option('--repetition-penalty <r>', 'above 1: make tokens seen before less likely', number, 1)
    .option('--seed <n>', 'seed of the draws', count(0), 0)
    .option('--stop <text>', 'end at this text (may be given several times)', collect, [])
    .addHelpText(
      'after',
      `
Without --json the text streams to standard output, and statistics follow on standard error.

Examples:
  inattention generate --model models/small --prompt "Call me" --max-tokens 40
  inattention generate --model SmolLM2-135M-Instruct.Q4_1.gguf --chat "What is a whale?" --max-tokens 60
  inattention generate --model models/small --prompt-file book.txt --max-tokens 100 --context ids --temperature 0.8 --seed 1`,
    )
    .action((flags: GenerateFlags, self: Command) => {
      const given = [flags.prompt, flags.promptFile, flags.tokens, flags.chat].filter((value) => value !== undefined);
      if (given.length !== 1) {
        self.error('error: give one of --prompt, --prompt-file and --tokens, or --chat', { exitCode: 2 });
      }
      if (flags.system !== undefined && flags.chat === undefined) {
        self.error('error: --system goes with --chat', { exitCode: 2 });
      }
      return run(flags, terminal);
    });
}

async function readPrompt(flags: GenerateFlags, model: Model): Promise<Int32Array> {
  if (flags.tokens !== undefined) return readTokens(flags.tokens, model.config.vocabSize);
  if (flags.chat === undefined) return model.encode(flags.prompt ?? (await readText(flags.promptFile ?? '')));
  const system = flags.system === undefined ? [] : [{ role: 'system', content: flags.system }];
  return model.encodeChat([...system, { role: 'user', content: flags.chat }]);
}

function run(flags: GenerateFlags, terminal: Terminal): Promise<void> {
  return withModel(flags, terminal, async (model, { backend }) => {
    const prompt = await readPrompt(flags, model);
    using session = model.createSession({
      context: flags.context,
      dtype: flags.contextDtype,
      expectedTokens: prompt.length + flags.maxTokens,
      ...(flags.budget !== undefined && { budget: flags.budget }),
    });
    backend.ledger.resetPeak();
    const start = performance.now();
    const progress = startProgress(terminal, 'reading');
    try {
      await session.append(prompt, {
        signal: terminal.signal,
        onProgress: ({ done, total }) => progress.update(done, total),
      });
    } finally {
      progress.stop();
    }
    const timeToFirstTokenMs = await firstLogits(session, flags, terminal, start);
    const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop } = flags;
    const sampling = { temperature, topP, minP, repetitionPenalty, seed, ...(topK !== undefined && { topK }) };
    const produced: GeneratedToken[] = [];
    const begin = performance.now();
    for await (const token of generate(session, { ...sampling, maxTokens, stop, signal: terminal.signal })) {
      produced.push(token);
      if (!flags.json) terminal.out(model.tokenizer === null ? `${token.token} ` : token.text);
    }
    const seconds = (performance.now() - begin) / 1000;
    report(flags, terminal, session, backend, produced, timeToFirstTokenMs, seconds);
  });
}

/** Milliseconds from ids in hand to the first logits read back. */
async function firstLogits(session: Session, flags: GenerateFlags, terminal: Terminal, start: number) {
  if (flags.maxTokens === 0) return null;
  const progress = startProgress(terminal, 'prefill');
  try {
    await session.nextLogits({
      signal: terminal.signal,
      onProgress: ({ done, total }) => progress.update(done, total),
    });
    return performance.now() - start;
  } finally {
    progress.stop();
  }
}

function report(
  flags: GenerateFlags,
  terminal: Terminal,
  session: Session,
  backend: Backend,
  produced: readonly GeneratedToken[],
  timeToFirstTokenMs: number | null,
  seconds: number,
): void {
  const { contextBytes, tableBytes, mode: contextMode, model } = session;
  const finishReason = produced.at(-1)?.finishReason ?? 'length';
  const tokens = produced.filter((token) => token.finishReason !== 'stop-token').map(({ token }) => token);
  const tokensPerSecond = produced.length === 0 ? 0 : produced.length / seconds;
  const peakBytes = backend.ledger.snapshot().peakLive;
  if (flags.json) {
    const text = model.tokenizer === null ? null : produced.map((token) => token.text).join('');
    const speed = { timeToFirstTokenMs, tokensPerSecond };
    const memory = { contextBytes, tableBytes, peakBytes, contextMode };
    const result = {
      tokens,
      text,
      ...speed,
      ...memory,
      backend: backend.name,
      device: backend.info.device,
      finishReason,
    };
    terminal.out(`${JSON.stringify(result)}\n`);
    return;
  }
  terminal.out('\n');
  const first = timeToFirstTokenMs === null ? 'not measured' : formatMilliseconds(timeToFirstTokenMs);
  terminal.error(
    `${tokens.length} tokens (${finishReason}), first after ${first}, then ${tokensPerSecond.toFixed(1)} tokens/s; ` +
      `context "${contextMode}" ${formatBytes(contextBytes)}, table ${formatBytes(tableBytes)}, peak ${formatBytes(peakBytes)}; ` +
      `${backend.name}, ${backend.info.device}\n`,
  );
}
