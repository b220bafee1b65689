/** The opening of a stream at the hub: who speaks, in which format, and whether its copy can be continued. */

import { refuseWithAudit, close } from './hub-state.ts';
import type { HubStream, Place, Point, Result, Streaming } from './hub-state.ts';
import { beginSnapshot } from './hub-walk.ts';
import { MAX_WINDOW, PROTOCOL } from './protocol.ts';
import type { Hello, HubFrame, Purge, SnapshotReason } from './protocol.ts';
import { openView, withToday } from './view.ts';
import type { RuleAt } from './view.ts';

export function greet(state: HubStream, hello: Hello): Result {
  const { config, today } = state;
  if (hello.protocol !== PROTOCOL) {
    const text = `the region speaks stream format ${hello.protocol}, this hub speaks ${PROTOCOL}: upgrade the older one`;
    return refuseWithAudit(state, 'protocolVersion', 'protocolVersion', text);
  }
  if (hello.region !== config.region) {
    const text = `the certificate names another region than the hello`;
    return refuseWithAudit(state, 'identity', 'identityForged', text);
  }
  if (today.version === 0) return close(state, 'unknownRegion', `the hub has no region "${config.region}"`);
  const ledger = { ...state.ledger, window: Math.min(hello.window, MAX_WINDOW) };
  const greeted = { type: 'greeted', instance: hello.instance, local: hello.local } as const;
  if (hello.cursor === undefined) {
    const [next, outputs] = welcomeWithSnapshot({ ...state, ledger }, 'first');
    return [next, [greeted, ...outputs]];
  }
  const stage = { phase: 'locating', cursor: hello.cursor, filterVersion: hello.filterVersion } as const;
  return [{ ...state, ledger, stage }, [greeted, { type: 'locate', cursor: hello.cursor }]];
}

function welcome(state: HubStream, snapshot: SnapshotReason | undefined): HubFrame {
  const { log, epoch, nonce, interval } = state.config;
  return { type: 'welcome', protocol: PROTOCOL, log, epoch, nonce, tip: state.tip, interval, snapshot };
}

/** What today's rule forbids is purged at once: the old copy serves until the snapshot is complete. */
function welcomeWithSnapshot(state: HubStream, reason: SnapshotReason): Result {
  const narrow: Purge | undefined = reason === 'first' ? undefined : { prefixes: [], filter: state.today.filter };
  const at: Point = { position: { epoch: state.config.epoch, sequence: 0 }, hash: new Uint8Array(32) };
  const streaming = streamingFrom(at, undefined, narrow);
  const [next, outputs] = beginSnapshot({ ...state, stage: streaming }, streaming);
  return [next, [{ type: 'send', frame: welcome(state, reason) }, ...outputs]];
}

function streamingFrom(at: Point, view: Streaming['view'], narrow: Purge | undefined): Streaming {
  const nothing = { skip: undefined, load: undefined, markAt: undefined, fetched: [] };
  return { phase: 'streaming', at, sent: at.position, view, narrow, ...nothing };
}

/** The shell's answer on the hello's cursor; `rule` is the one at that position, where the history reaches back to it. */
export function located(state: HubStream, place: Place, rule: RuleAt | undefined): Result {
  const { stage } = state;
  if (stage.phase !== 'locating') return [state, []];
  if (place !== 'here') return welcomeWithSnapshot(state, place);
  if (rule === undefined || rule.version !== stage.filterVersion) return welcomeWithSnapshot(state, 'viewChanged');
  const { position, hash } = stage.cursor;
  const { view, narrow } = withToday(openView(rule, rule), state.today);
  const ledger = { ...state.ledger, acknowledged: { position, hash } };
  const next = { ...state, ledger, stage: streamingFrom({ position, hash }, view, narrow) };
  return [
    next,
    [
      { type: 'send', frame: welcome(state, undefined) },
      { type: 'acknowledged', position },
    ],
  ];
}
