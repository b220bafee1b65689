/** The facts of a machine that figures depend on. Nothing that names it. */
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly architecture: string;
}

export function machine(): Machine {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    architecture: process.arch,
  };
}

export function describeMachine({ cores, processor, memoryBytes, kernel, node, architecture }: Machine): string {
  const memory = `${(memoryBytes / 1024 ** 3).toFixed(0)} GiB of memory`;
  return `${cores} cores (${processor}, ${architecture}), ${memory}, Linux ${kernel}, Node ${node}`;
}
