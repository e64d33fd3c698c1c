/**
 * Group 7: the ledger is exact through thousands of random operations. A group of its own, since it is the longest:
 * slow backends ask for fewer operations.
 */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { ledgerTests } from './ledger-tests.ts';

export function ledgerSuite(options: SuiteOptions): Promise<void> {
  return conformanceGroup(options, 'ledger', (group) => {
    const { ledgerOperations = 10_000, reservedBytes = 4 * 1024 ** 2 } = options;
    ledgerTests(group, ledgerOperations, reservedBytes);
  });
}
