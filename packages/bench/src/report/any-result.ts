/**
 * A result of any bench that a report can be made of: read from JSON by the schema it names, as Markdown, and as the nodes
 * of a page.
 */

import { InvalidFileError } from '@inattention/core';
import { type AgreementResult, agreementSchema } from '../agreement/agreement-result.ts';
import { agreementFacts, agreementTables, agreementTitle } from '../agreement/agreement-tables.ts';
import { parseAgreement } from '../agreement/parse-agreement.ts';
import { kernelMarkdown } from '../kernels/kernel-markdown.ts';
import { type KernelResult, kernelSchema } from '../kernels/kernel-result.ts';
import { kernelFacts, kernelLegend, kernelTables, kernelTitle } from '../kernels/kernel-tables.ts';
import { parseKernels } from '../kernels/parse-kernels.ts';
import { parseQuality } from '../quality/parse-quality.ts';
import { qualityContent, qualityHeading, qualityIntroduction } from '../quality/quality-content.ts';
import { qualityMarkdown } from '../quality/quality-markdown.ts';
import { type QualityResult, qualitySchema } from '../quality/quality-result.ts';
import { resultSchema, type SweepResult } from '../result.ts';
import { parseSwitching } from '../switching/parse-switching.ts';
import { switchingContent, switchingHeading, switchingIntroduction } from '../switching/switching-content.ts';
import { switchingMarkdown } from '../switching/switching-markdown.ts';
import { type SwitchingResult, switchingSchema } from '../switching/switching-result.ts';
import { jsonValue } from './checked-fields.ts';
import { markdownFacts, markdownReport, markdownTable } from './markdown.ts';
import { factList, tableSection } from './page/report-parts.ts';
import { sweepContent, sweepHeading, sweepIntroduction } from './page/sweep-content.ts';
import { parseResult } from './parse-result.ts';

export type AnyResult = SweepResult | QualityResult | KernelResult | AgreementResult | SwitchingResult;

/** Of every schema's name, what is before its version. */
const parsers: Readonly<Record<string, (json: string, value: unknown, file: string) => AnyResult>> = {
  'inattention-bench': (json, _, file) => parseResult(json, file),
  'inattention-quality': (_, value, file) => parseQuality(value, file),
  'inattention-kernels': (_, value, file) => parseKernels(value, file),
  'inattention-agreement': (_, value, file) => parseAgreement(value, file),
  'inattention-switching': (_, value, file) => parseSwitching(value, file),
};

/** The result in `json`; `file` names it in errors. Throws InvalidFileError: no JSON, no known schema, a wrong field. */
export function parseAnyResult(json: string, file = 'The result'): AnyResult {
  const fix = 'give a file that `inattention bench --out` or the bench page wrote';
  const value = jsonValue(json, { file, wanted: 'a result', fix });
  const name = schemaOf(value) ?? 'none';
  const kind = name.split('/')[0] ?? '';
  const parse = Object.hasOwn(parsers, kind) ? parsers[kind] : undefined;
  if (parse === undefined) {
    throw new InvalidFileError({
      what: `${file} is not the result of a bench that can be shown.`,
      got: `schema ${name.slice(0, 100)}`,
      expected: [resultSchema, qualitySchema, kernelSchema, agreementSchema, switchingSchema].join(', '),
      fix,
    });
  }
  return parse(json, value, file);
}

function schemaOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return null;
  return typeof value.schema === 'string' ? value.schema : null;
}

/** The whole report as Markdown. */
export function anyMarkdown(result: AnyResult): string {
  switch (result.schema) {
    case resultSchema:
      return markdownReport(result);
    case qualitySchema:
      return qualityMarkdown(result);
    case kernelSchema:
      return kernelMarkdown(result);
    case switchingSchema:
      return switchingMarkdown(result);
    case agreementSchema: {
      const tables = agreementTables(result).map(markdownTable);
      return `${[`# ${agreementTitle}`, markdownFacts(agreementFacts(result)), ...tables].join('\n\n')}\n`;
    }
  }
}

/** What stands above a report. */
export interface ReportHeading {
  readonly heading: string;
  readonly introduction: string;
}

export function headingOf(result: AnyResult): ReportHeading {
  switch (result.schema) {
    case resultSchema:
      return { heading: sweepHeading(result), introduction: sweepIntroduction };
    case qualitySchema:
      return { heading: qualityHeading(result), introduction: qualityIntroduction };
    case switchingSchema:
      return { heading: switchingHeading(result), introduction: switchingIntroduction };
    case kernelSchema:
      return {
        heading: kernelTitle,
        introduction: 'Kernels of InAttention in turn with those of other libraries, each checked before it is timed.',
      };
    case agreementSchema:
      return {
        heading: agreementTitle,
        introduction: 'Whether backends and context modes foresee the same next token, over a text.',
      };
  }
}

/** Facts, charts and tables of a result, made by `document` and not yet in it. */
export async function reportContent(document: Document, result: AnyResult): Promise<Element[]> {
  switch (result.schema) {
    case resultSchema:
      return sweepContent(document, result);
    case qualitySchema:
      return qualityContent(document, result);
    case switchingSchema:
      return switchingContent(document, result);
    case kernelSchema:
      return [
        factList(document, [...kernelFacts(result), ...kernelLegend(result)], result.command),
        ...kernelTables(result).flatMap((table) => tableSection(document, table)),
      ];
    case agreementSchema:
      return [
        factList(document, agreementFacts(result)),
        ...agreementTables(result).flatMap((table) => tableSection(document, table)),
      ];
  }
}
