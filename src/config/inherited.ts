/** The environment of a program that is started: this process's, without what is meant for Lockstep, such as its token. */
const OWN = /^(?:LOCKSTEP|VAULT)_/;

export function inheritedEnvironment(additions: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const passed = Object.entries(process.env).filter(([name]) => !OWN.test(name));
  return { ...Object.fromEntries(passed), ...additions };
}
