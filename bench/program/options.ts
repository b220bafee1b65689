/** The command line of a benchmark: numbers and switches by name, with `--help`. */
import { parseArgs } from 'node:util';

/** A default that is a number takes a number; one that is a boolean is a switch. */
type Defaults = Readonly<Record<string, number | boolean | string>>;
type Options<D extends Defaults> = {
  readonly [K in keyof D]: D[K] extends number ? number : D[K] extends boolean ? boolean : string;
};

/** Prints `help` and ends on `--help`; ends with what is wrong on an option that is unknown or no number. */
export function readOptions<D extends Defaults>(help: string, defaults: D): Options<D> {
  try {
    const { values } = parseArgs({
      options: Object.fromEntries(
        Object.entries({ help: false, ...defaults }).map(([name, value]) => [
          name,
          { type: typeof value === 'boolean' ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
    });
    if (values['help'] === true) {
      console.log(help);
      process.exit(0);
    }
    const read = ([name, value]: [string, number | boolean | string]) => [name, valueOf(name, value, values[name])];
    return Object.fromEntries(Object.entries(defaults).map(read)) as Options<D>;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    process.exit(2);
  }
}

function valueOf(name: string, fallback: number | boolean | string, given: unknown): unknown {
  if (given === undefined || typeof fallback !== 'number') return given ?? fallback;
  const value = Number(given);
  if (!Number.isFinite(value) || value < 0) throw new TypeError(`--${name} takes a number, not "${String(given)}"`);
  return value;
}
