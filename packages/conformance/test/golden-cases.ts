/** The golden cases for tests that run in Node and in browsers alike: from the folder, or from the test server. */

import { openUrl } from '@inattention/formats';
import { inject } from 'vitest';
import { readGoldenCase } from '../src/golden/golden-case.ts';
import type { NamedGoldenCase } from '../src/suite/suite-options.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Names of the cases of this package. */
    goldenCases: readonly string[];
  }
}

export async function goldenCasesHere(): Promise<readonly NamedGoldenCase[]> {
  if (typeof document === 'undefined') {
    const { namedGoldenCases } = await import('../src/golden/golden-folders.ts');
    return namedGoldenCases();
  }
  return inject('goldenCases').map((name) => ({
    name,
    load: async () => readGoldenCase(name, await openUrl(new URL(`/cases/${name}/`, location.href))),
  }));
}
