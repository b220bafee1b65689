/** Loaded into each test process by `--test-reporter`: writes one JSON line for each finished test. */
import { inspect } from 'node:util';
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import type { Outcome } from './outcome.ts';

type Finished = EventData.TestPass | EventData.TestFail;

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const parents: string[] = [];
  for await (const event of source) {
    if (event.type === 'test:start') parents[event.data.nesting] = event.data.name;
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const name = [...parents.slice(0, event.data.nesting), event.data.name].join(' › ');
    const outcome = outcomeOf(name, event.data, event.type === 'test:pass');
    if (outcome !== undefined) yield `${JSON.stringify(outcome)}\n`;
  }
}

function outcomeOf(name: string, data: Finished, passed: boolean): Outcome | undefined {
  const reason = data.skip ?? data.todo;
  if (reason !== undefined && reason !== false) {
    // A skip without a reason hides something: it counts as a failure.
    if (typeof reason === 'string' && reason !== '') return { result: 'skipped', name, detail: reason };
    return { result: 'failed', name, detail: 'skipped or to do without a reason' };
  }
  const error = 'error' in data.details ? data.details.error : undefined;
  const onlySubtests = isSubtestFailure(error);
  if (data.details.type === 'suite') return passed || onlySubtests ? undefined : failure(name, error);
  if (passed) return { result: 'passed', name };
  return onlySubtests ? { result: 'failed', name } : failure(name, error);
}

function failure(name: string, error: Error | undefined): Outcome {
  return { result: 'failed', name, detail: inspect(error?.cause ?? error, { depth: 8 }) };
}

function isSubtestFailure(error: Error | undefined): boolean {
  return error !== undefined && 'failureType' in error && error.failureType === 'subtestsFailed';
}
