/** `inattention convert`: models of other runtimes into this project's format, layers switched or not, and back. */

import { formatBytes } from '@inattention/bench';
import { Command, Option } from 'commander';
import { type AttentionSwitches, attentionSwitches } from '../conversion/attention-switches.ts';
import { convert, type StoredDType, storedDTypes, type TargetFormat, targetFormats } from '../conversion/convert.ts';
import { startProgress, type Terminal } from '../terminal.ts';
import { count } from '../values.ts';

interface ConvertFlags {
  readonly from: string;
  readonly to: string;
  readonly format: TargetFormat;
  readonly attention?: AttentionSwitches;
  readonly window?: number;
  readonly weightDtype: StoredDType;
  readonly json?: boolean;
}

export function convertCommand(terminal: Terminal): Command {
  return new Command('convert')
    .description('Convert a model: Llama-family folders and GGUF files into this format, and back')
    .requiredOption('--from <place>', 'folder of a model, or a GGUF file; a URL of either')
    .requiredOption('--to <path>', 'folder to make; with --format gguf a file, when it ends with .gguf')
    .addOption(
      new Option(
        '--format <format>',
        "inattention: this project's folder; safetensors: Hugging Face's; gguf: llama.cpp's",
      )
        .choices(targetFormats)
        .default('inattention'),
    )
    .option(
      '--attention <layers=kind>',
      'switch layers: 0,1,2=inattention, all=self (may be given again)',
      attentionSwitches,
    )
    .option('--window <w>', 'give the model an initial-state window of w tokens, which starts at 0', count(1))
    .addOption(
      new Option(
        '--weight-dtype <dtype>',
        'what weights are stored in; keep: as they are where the format can, else f32',
      )
        .choices(storedDTypes)
        .default('keep'),
    )
    .option('--json', 'print one JSON object on standard output')
    .addHelpText(
      'after',
      `
A converted model computes what the original does until layers are switched. Only models whose layers are all self can be
written as safetensors or gguf. What is written is whole or not there; one tensor at a time is in memory.

Examples:
  inattention convert --from SmolLM2-135M-Instruct.Q4_1.gguf --to models/smollm2
  inattention convert --from models/smollm2 --to models/switched --attention 0,1,2=inattention --window 3
  inattention convert --from models/smollm2 --to smollm2.gguf --format gguf --weight-dtype q8_0`,
    )
    .action((flags: ConvertFlags) => run(flags, terminal));
}

async function run({ attention = new Map(), json, ...flags }: ConvertFlags, terminal: Terminal): Promise<void> {
  const start = performance.now();
  const progress = startProgress(terminal, 'converting');
  try {
    const { config, parameters, bytes } = await convert(
      { ...flags, attention },
      { signal: terminal.signal, onProgress: ({ done, total }) => progress.update(done, total) },
    );
    progress.stop();
    const seconds = (performance.now() - start) / 1000;
    const { to, format } = flags;
    const switched = config.attentionTypes.filter((type) => type === 'inattention').length;
    terminal.out(
      json
        ? `${JSON.stringify({ to, format, parameters, bytes, attentionTypes: config.attentionTypes, seconds })}\n`
        : `${to}: ${parameters} parameters, ${formatBytes(bytes)} of weights, ${switched} of ${config.numHiddenLayers} layers inattention\n`,
    );
  } finally {
    progress.stop();
  }
}
