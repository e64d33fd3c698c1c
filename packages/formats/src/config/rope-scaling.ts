/**
 * rope_scaling of a config.json, as Hugging Face writes it: under `type` or `rope_type`, or as transformers 5 does, in one
 * object rope_parameters together with rope_theta. The formulas are those of @inattention/core/math's RopeScaling; what
 * is not supported is refused by name.
 *
 * Refused because the frequencies would depend on how long the text is at the moment, so that keys already made would not
 * fit those to come: `dynamic` and `longrope` ("su").
 */

import { type RopeScaling, yarnAttentionFactor } from '@inattention/core/math';
import { isRecord } from '../json/describe.ts';
import { ConfigReader, refuse } from './config-reader.ts';

const largestFactor = 1_000_000;
const largestLength = 2_147_483_647;

/** Keys of all kinds that change nothing: `finetuned` says how a model came about. */
const common = ['type', 'rope_type', 'rope_theta', 'partial_rotary_factor', 'finetuned'];
const keysOf = {
  default: [],
  linear: ['factor'],
  llama3: ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'],
  yarn: [
    ...['factor', 'original_max_position_embeddings', 'beta_fast', 'beta_slow', 'attention_factor'],
    ...['mscale', 'mscale_all_dim', 'truncate'],
  ],
} as const;
type Kind = keyof typeof keysOf;

const dependsOnLength = 'its frequencies change with the length of the text, and keys that were kept would not fit';

/** rope_theta and the scaling. Throws InvalidConfigError naming the field. */
export function parseRope(
  fields: ConfigReader,
  maxPositionEmbeddings: number,
): { readonly ropeTheta: number; readonly ropeScaling?: RopeScaling } {
  const name = fields.get('rope_parameters') === undefined ? 'rope_scaling' : 'rope_parameters';
  const value = fields.get(name);
  if (name === 'rope_parameters' && fields.get('rope_scaling') !== undefined) {
    refuse('rope_scaling', fields.get('rope_scaling'), 'nothing beside rope_parameters, which takes its place');
  }
  if (value === undefined) return { ropeTheta: readTheta(fields) };
  if (!isRecord(value)) return refuse(name, value, 'an object, or null');
  const reader = new ConfigReader(value, `${name}.`);
  const kind = readKind(reader, name);
  checkKeys(value, reader, kind, name);
  const inner = reader.get('rope_theta') === undefined ? undefined : readTheta(reader);
  if (inner !== undefined && fields.get('rope_theta') !== undefined && readTheta(fields) !== inner) {
    refuse('rope_theta', fields.get('rope_theta'), `${inner}, as in ${name}`);
  }
  const ropeTheta = inner ?? readTheta(fields);
  const ropeScaling = readScaling(reader, kind, maxPositionEmbeddings);
  if (ropeScaling?.kind === 'yarn' && ropeTheta <= 1) refuse('rope_theta', ropeTheta, 'above 1, with yarn');
  return { ropeTheta, ...(ropeScaling !== undefined && { ropeScaling }) };
}

/** rope_scaling as transformers 4 and 5 and llama.cpp's converter read it; null for none. */
export function serializeRopeScaling(scaling: RopeScaling | undefined): Record<string, unknown> | null {
  switch (scaling?.kind) {
    case undefined:
      return null;
    case 'linear':
      return { rope_type: 'linear', factor: scaling.factor };
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalLength,
      };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalLength,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        attention_factor: scaling.attentionFactor,
        ...(!scaling.truncate && { truncate: false }),
      };
  }
}

function readTheta(fields: ConfigReader): number {
  return fields.positive('rope_theta', 1e12, 10_000);
}

function readKind(reader: ConfigReader, name: string): Kind {
  const [old, recent] = [reader.get('type'), reader.get('rope_type')];
  if (old !== undefined && recent !== undefined && old !== recent) {
    reader.refuse('rope_type', recent, `${JSON.stringify(old)}, as its "type" says`);
  }
  const kind = recent ?? old ?? (name === 'rope_parameters' ? 'default' : undefined);
  const field = recent === undefined && old !== undefined ? 'type' : 'rope_type';
  if (kind === 'dynamic' || kind === 'longrope' || kind === 'su') {
    return reader.refuse(
      field,
      kind,
      `"linear", "llama3" or "yarn": ${dependsOnLength}`,
      'use yarn, or raise rope_theta, to read texts longer than those the model was trained on',
    );
  }
  const known = (Object.keys(keysOf) as Kind[]).find((candidate) => candidate === kind);
  return known ?? reader.refuse(field, kind, '"default", "linear", "llama3" or "yarn"');
}

/** A key that is not known could change the result. */
function checkKeys(value: object, reader: ConfigReader, kind: Kind, name: string): void {
  const known: readonly string[] = [...common, ...keysOf[kind]];
  for (const key of Object.keys(value)) {
    if (known.includes(key) || reader.get(key) === undefined) continue;
    reader.refuse(key, reader.get(key), `nothing in ${name} of "${kind}": this version does not know it`);
  }
  const partial = reader.get('partial_rotary_factor') ?? 1;
  if (partial !== 1) reader.refuse('partial_rotary_factor', partial, '1: this version rotates whole heads');
}

function readScaling(reader: ConfigReader, kind: Kind, maxPositionEmbeddings: number): RopeScaling | undefined {
  switch (kind) {
    case 'default':
      return undefined;
    case 'linear':
      return { kind, factor: reader.number('factor', 1, largestFactor) };
    case 'llama3': {
      const lowFrequencyFactor = reader.number('low_freq_factor', 1e-6, largestFactor);
      const highFrequencyFactor = reader.number('high_freq_factor', 1e-6, largestFactor);
      if (highFrequencyFactor <= lowFrequencyFactor) {
        reader.refuse('high_freq_factor', highFrequencyFactor, `above low_freq_factor, ${lowFrequencyFactor}`);
      }
      return {
        kind,
        factor: reader.number('factor', 1, largestFactor),
        lowFrequencyFactor,
        highFrequencyFactor,
        originalLength: reader.count('original_max_position_embeddings', 1, largestLength),
      };
    }
    case 'yarn':
      return readYarn(reader, maxPositionEmbeddings);
  }
}

/** The defaults are transformers', and so is that 0 stands for nothing. */
function readYarn(reader: ConfigReader, maxPositionEmbeddings: number): RopeScaling {
  const originalLength = reader.count('original_max_position_embeddings', 1, largestLength, maxPositionEmbeddings);
  const given = reader.get('original_max_position_embeddings') !== undefined;
  const stretch = given ? Math.max(1, maxPositionEmbeddings / originalLength) : undefined;
  const factor = reader.number('factor', 1, largestFactor, stretch);
  const [mscale, mscaleAll] = ['mscale', 'mscale_all_dim'].map((name) => reader.number(name, 0, largestFactor, 0));
  const byScales =
    mscale && mscaleAll
      ? yarnAttentionFactor(factor, mscale) / yarnAttentionFactor(factor, mscaleAll)
      : yarnAttentionFactor(factor);
  const betaFast = reader.number('beta_fast', 0, largestFactor, 32) || 32;
  const betaSlow = reader.number('beta_slow', 0, largestFactor, 1) || 1;
  if (betaFast < betaSlow) reader.refuse('beta_fast', betaFast, `at least beta_slow, ${betaSlow}`);
  return {
    kind: 'yarn',
    factor,
    originalLength,
    betaFast,
    betaSlow,
    attentionFactor: reader.number('attention_factor', 1e-6, largestFactor, byScales),
    truncate: reader.flag('truncate', true),
  };
}
