import { describe } from 'node:test';
import { keyCases } from './conformance/keys.ts';
import { lifecycleCases } from './conformance/lifecycle.ts';
import { listCases } from './conformance/lists.ts';
import { logCases } from './conformance/log.ts';
import type { Make } from './conformance/subject.ts';
import { transactionCases } from './conformance/transactions.ts';

/**
 * What every Store promises, as tests. `make` opens an empty store; what an implementation cannot show (a second opening,
 * a count of flushes) it leaves out, and the case is skipped with that reason.
 */
export function storeConformance(name: string, make: Make): void {
  describe(`${name} keeps the store contract`, () => {
    describe('transactions', () => transactionCases(make));
    describe('keys and values', () => keyCases(make));
    describe('lists', () => listCases(make));
    describe('log', () => logCases(make));
    describe('lifecycle', () => lifecycleCases(make));
  });
}
