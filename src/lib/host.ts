/** What the machine of this process is: for `sys/host-info`. Field names are those of Vault's replies (gopsutil's). */
import type { StatsFs } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';

type Facts = Readonly<Record<string, unknown>>;

export interface HostFacts {
  readonly timestamp: string;
  readonly cpu: readonly Facts[];
  readonly cpu_times: readonly Facts[];
  readonly disk: readonly Facts[];
  readonly host: Facts;
  readonly memory: Facts;
}

const SECOND = 1_000;

function processors(): Pick<HostFacts, 'cpu' | 'cpu_times'> {
  const all = os.cpus();
  return {
    cpu: all.map(({ model, speed }, at) => ({ cpu: at, modelName: model, mhz: speed, cores: 1 })),
    cpu_times: all.map(({ times }, at) => ({
      cpu: `cpu${String(at)}`,
      user: times.user / SECOND,
      system: times.sys / SECOND,
      idle: times.idle / SECOND,
      nice: times.nice / SECOND,
      irq: times.irq / SECOND,
    })),
  };
}

/** Mounted file systems that lie on a device. */
async function disks(): Promise<readonly Facts[]> {
  const table = await readFile('/proc/self/mounts', 'utf8').catch(() => '/dev/root / unknown');
  const seen = new Set<string>();
  const found: Facts[] = [];
  for (const line of table.split('\n')) {
    const [device = '', path = '', fstype = ''] = line.split(' ');
    if (!device.startsWith('/') || seen.has(device)) continue;
    seen.add(device);
    // What is not readable for this process is left out.
    const usage = await statfs(path).catch(() => undefined);
    if (usage !== undefined) found.push(usageOf(path, fstype, usage));
  }
  return found;
}

function usageOf(path: string, fstype: string, { bsize, blocks, bfree, bavail, files, ffree }: StatsFs): Facts {
  const used = (blocks - bfree) * bsize;
  return {
    ...{ path, fstype, total: blocks * bsize, free: bavail * bsize, used },
    usedPercent: blocks === 0 ? 0 : (100 * (blocks - bfree)) / (blocks - bfree + bavail || 1),
    inodesTotal: files,
    inodesUsed: files - ffree,
    inodesFree: ffree,
  };
}

export async function hostFacts(now: number): Promise<HostFacts> {
  const [total, free] = [os.totalmem(), os.freemem()];
  const uptime = Math.floor(os.uptime());
  return {
    timestamp: new Date(now).toISOString(),
    ...processors(),
    disk: await disks(),
    host: {
      hostname: os.hostname(),
      uptime,
      bootTime: Math.floor(now / SECOND) - uptime,
      os: os.platform(),
      kernelVersion: os.release(),
      kernelArch: os.machine(),
    },
    memory: { total, available: free, free, used: total - free, usedPercent: (100 * (total - free)) / total },
  };
}
