/** Reads a result of the kernel benches: JSON of this version's schema or the one before it, checked to the last field. */

import * as v from 'valibot';
import { backendNames } from '../backend-names.ts';
import { amount, checkedResult, count, environment, list, text } from '../report/checked-fields.ts';
import { type KernelResult, kernelSchema } from './kernel-result.ts';

const threads = v.nullable(count);

const figure = v.object({
  bench: text,
  contestant: text,
  kind: v.picklist(['ours', 'peer', 'limit']),
  threads,
  medianMs: amount,
  fastestMs: amount,
  rounds: count,
  callsPerRound: count,
  rate: amount,
  unit: v.picklist(['flop/s', 'B/s']),
  shareOfLimit: v.nullable(amount),
  cpuPerWall: v.nullable(amount),
  counts: v.boolean(),
  error: v.nullable(amount),
  note: v.exactOptional(text),
});

const ratio = v.object({ bench: text, threads, ours: text, other: text, speed: amount, counts: v.boolean() });

/** Every field of a result, as its JSON Schema is made of. */
export const kernelFields: v.GenericSchema<unknown, KernelResult> = v.object({
  schema: v.literal(kernelSchema),
  created: text,
  command: v.exactOptional(text),
  environment,
  backend: v.picklist(backendNames),
  devices: list(v.object({ threads, device: text, software: v.boolean() })),
  rounds: count,
  warmUpCalls: count,
  peers: list(v.object({ name: text, version: v.nullable(text), missing: v.exactOptional(text) })),
  text: v.nullable(v.object({ title: text, source: text, licence: text, tokenizer: text })),
  contexts: list(v.object({ tokens: count, distinct: count })),
  figures: list(figure),
  ratios: list(ratio),
});

/** Every result of version 2 is one of this version: it knew more. */
const olderSchema = 'inattention-kernels/2';

/** The result in `value`; `file` names it in errors. Throws InvalidFileError: another version, a wrong field. */
export function parseKernels(value: unknown, file = 'The result'): KernelResult {
  const isOlder = typeof value === 'object' && value !== null && 'schema' in value && value.schema === olderSchema;
  return checkedResult(kernelFields, isOlder ? { ...value, schema: kernelSchema } : value, {
    file,
    wanted: 'a result of the kernel benches',
    fix: 'give a file that `inattention bench --kernels --out` wrote',
  });
}
