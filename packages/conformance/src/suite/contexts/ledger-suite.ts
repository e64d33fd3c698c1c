/**
 * Group 7: the ledger is exact through thousands of random operations. A group of its own, since it is the longest and
 * says nothing about numbers: backends that are slow to start may ask for fewer operations.
 */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { ledgerTests } from './ledger-tests.ts';

export function ledgerSuite(options: SuiteOptions, operations = 10_000): Promise<void> {
  return conformanceGroup(options, 'ledger', (group) => ledgerTests(group, operations));
}
