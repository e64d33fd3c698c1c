import { toJsonSchema } from '@valibot/to-json-schema';
import { expect, test } from 'vitest';
import { agreementSchema } from '../agreement/agreement-result.ts';
import { agreementFields } from '../agreement/parse-agreement.ts';
import { kernelSchema } from '../kernels/kernel-result.ts';
import { kernelFields } from '../kernels/parse-kernels.ts';
import { qualityFields } from '../quality/parse-quality.ts';
import { qualitySchema } from '../quality/quality-result.ts';
import { resultSchema } from '../result.ts';
import { switchingFields } from '../switching/parse-switching.ts';
import { switchingSchema } from '../switching/switching-result.ts';
import { sweepFields } from './parse-result.ts';

// Written anew by: vitest run --project bench json-schemas -u
test.each([
  [resultSchema, sweepFields],
  [qualitySchema, qualityFields],
  [kernelSchema, kernelFields],
  [agreementSchema, agreementFields],
  [switchingSchema, switchingFields],
] as const)('the JSON Schema of %s says what is checked', async (name, fields) => {
  const schema = { title: name, ...toJsonSchema(fields) };
  const file = `../../schemas/${name.replace('/', '-')}.schema.json`;
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(file);
});
