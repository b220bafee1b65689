/** How the seals are, whenever somebody looks. The first is Vault's; a label names the seal, as in its status. */
import type { Metrics, Sample } from '../../lib/metrics/metrics.ts';
import type { SealLifecycle } from '../../seal/lifecycle.ts';
import type { AutoSeal, Seals } from '../../seal/seals.ts';

export function sealMetrics(metrics: Metrics, lifecycle: SealLifecycle, seals: Seals): void {
  const each =
    (value: (seal: AutoSeal) => number): (() => readonly Sample[]) =>
    () =>
      seals.enabled.map((seal) => ({ labels: { seal: seal.name }, value: value(seal) }));
  const gauge = metrics.gauge.bind(metrics);
  const unreachable = ({ health }: AutoSeal): number =>
    health.unhealthySince === undefined ? 0 : Math.max(Date.now() - health.unhealthySince, 0);
  gauge(
    'vault.seal.unreachable.time',
    'Milliseconds for which the seal has been unhealthy; 0: it is not.',
    each(unreachable),
  );
  gauge('lockstep.seal.migration', '1 while keys are awaited for a migration of the seal.', () =>
    lifecycle.status().migration ? 1 : 0,
  );
  gauge(
    'lockstep.seal.healthy',
    '1 while the seal answers and can open this node.',
    each(({ health }) => Number(health.healthy)),
  );
  gauge('lockstep.seal.fully_wrapped', '1 while each seal alone could open this node.', () =>
    Number(lifecycle.backends().fully_wrapped),
  );
  gauge(
    'lockstep.seal.wraps',
    'Keys that the seal has wrapped.',
    each(({ health }) => health.counts.wraps),
  );
  gauge(
    'lockstep.seal.unwraps',
    'Keys that the seal has unwrapped.',
    each(({ health }) => health.counts.unwraps),
  );
  gauge(
    'lockstep.seal.failures',
    'What the seal could not do.',
    each(({ health }) => health.counts.failures),
  );
}
