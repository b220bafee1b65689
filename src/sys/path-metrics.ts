/** `sys/metrics`: what this node counts and measures. */
import { fail } from '../errors.ts';
import { redactedMetrics } from './redacted.ts';
import type { Node } from '../core/node.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { PROMETHEUS_TYPE, prometheusText } from '../lib/metrics/prometheus.ts';
import { metricsSummary } from '../lib/metrics/summary.ts';

const at = pathsOf<Node>();

const metrics = at('metrics', {
  help: 'Metrics of this node, as Prometheus scrapes them (`format=prometheus`) or as JSON.',
  access: 'metrics',
  sealed: true,
  fields: { format: field.string('`prometheus`; JSON otherwise.', { default: '' }) },
  operations: {
    read: {
      summary: 'Metrics of this node',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: ['application/json', 'text/plain'],
      run: async (node, { format }, call) => {
        const elapsed = performance.now();
        const all = redactedMetrics(await node.measured(elapsed), call);
        if (format === '') return { status: 200, bare: metricsSummary(all, call.now, elapsed / 1000) };
        if (format !== 'prometheus') throw fail('badRequest', 'metric response format must be "prometheus" or absent');
        if (!node.prometheus) {
          throw fail('badRequest', 'prometheus is not enabled: `prometheus_retention_time` is 0 in the configuration');
        }
        return { status: 200, raw: { contentType: PROMETHEUS_TYPE, body: await prometheusText(all, elapsed) } };
      },
    },
  },
});

export const metricsPaths = [metrics];
