/** What the process itself takes: memory, time, garbage collection. */
import type { Metrics } from '../../lib/metrics/metrics.ts';

const NANOSECONDS = 1_000_000;

/** Watches until it is disposed of. */
export function runtimeGauges(metrics: Metrics): Disposable {
  const pauses = metrics.timing('lockstep.runtime.gc_pause', 'Pauses of the garbage collector, milliseconds.');
  const gauge = metrics.gauge.bind(metrics);
  gauge('vault.runtime.alloc_bytes', 'Bytes in use on the heap.', () => process.memoryUsage().heapUsed);
  gauge('vault.runtime.sys_bytes', 'Bytes of memory that the process holds, mapped files too.', () => {
    return process.memoryUsage.rss();
  });
  gauge('vault.runtime.total_gc_runs', 'Runs of the garbage collector.', () => pauses.count);
  gauge('vault.runtime.total_gc_pause_ns', 'Pauses of the garbage collector.', () => pauses.sum * NANOSECONDS);
  gauge('lockstep.runtime.external_bytes', 'Bytes outside of the heap that JavaScript holds.', () => {
    return process.memoryUsage().external;
  });
  gauge('process.cpu_seconds', 'CPU time of the process.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  });
  gauge('process.start_time_seconds', 'When the process started, since the epoch.', () => {
    return performance.timeOrigin / 1000;
  });
  let before = performance.eventLoopUtilization();
  gauge(
    'lockstep.runtime.event_loop_utilization',
    'Share of time that the event loop was busy since last read.',
    () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
  );
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) pauses.record(startTime, startTime + duration);
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    [Symbol.dispose]: () => {
      observer.disconnect();
    },
  };
}
