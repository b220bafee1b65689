/** What a policy can grant on a path. */

const bits = {
  create: 1,
  read: 2,
  update: 4,
  patch: 8,
  delete: 16,
  list: 32,
  scan: 64,
  sudo: 128,
  deny: 256,
  subscribe: 512,
  recover: 1024,
} as const;

export type Capability = keyof typeof bits;

/** Bits of `capabilityBit`, added up. Where `deny` is set, nothing else is. */
export type CapabilitySet = number;

export const capabilities = Object.freeze(Object.keys(bits)) as readonly Capability[];

export function isCapability(name: string): name is Capability {
  return Object.hasOwn(bits, name);
}

export function capabilityBit(capability: Capability): CapabilitySet {
  return bits[capability];
}

/** Deny drops all others, as in Vault. */
export function capabilitySet(names: Iterable<Capability>): CapabilitySet {
  let set = 0;
  for (const name of names) set |= bits[name];
  return withoutDenied(set);
}

export function unite(one: CapabilitySet, other: CapabilitySet): CapabilitySet {
  return withoutDenied(one | other);
}

export function has(set: CapabilitySet, capability: Capability): boolean {
  return (set & bits[capability]) !== 0;
}

/** As `sys/capabilities` answers: sorted, and `["deny"]` where nothing is granted. */
export function namesOf(set: CapabilitySet): readonly string[] {
  const names = capabilities.filter((name) => has(set, name)).sort();
  return names.length === 0 ? ['deny'] : names;
}

function withoutDenied(set: CapabilitySet): CapabilitySet {
  return (set & bits.deny) === 0 ? set : bits.deny;
}
