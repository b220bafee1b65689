/** Time zones by their names of the IANA data base, which comes with Node; `Local` is UTC, as in a container. */

export interface Zone {
  /** What holds at a moment: seconds east of Greenwich, and the short name. */
  readonly at: (seconds: bigint) => { readonly offset: number; readonly name: string };
}

export const UTC: Zone = { at: () => ({ offset: 0, name: 'UTC' }) };

/** Without a name its offset stands for it. */
export const fixedZone = (name: string, offset: number): Zone => ({ at: () => ({ offset, name }) });

/** Short names are known in the English of where they are in use. */
const LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA', 'en-CA'] as const;
/** What JavaScript's dates can hold, in seconds. */
const FARTHEST = 8_640_000_000_000n;

/** Those that the data base has; of other zones it gives the offset. */
const LETTERS: ReadonlySet<string> = new Set(
  (
    'UTC GMT BST IST IDT WET WEST CET CEST EET EEST MSK SAST CAT EAT WAT PKT HKT JST KST WIB WITA WIT AWST ACST ACDT AEST AEDT ' +
    'NZST NZDT ChST SST HST HDT AKST AKDT PST PDT MST MDT CST CDT EST EDT AST ADT NST NDT'
  ).split(' '),
);

/** How many zones are kept: Node takes a name in any mixture of capitals, so that there are more than anybody can keep. */
const KEPT = 32;
const known = new Map<string, Zone>();

/** `time.LoadLocation`; undefined for one that is not there. */
export function loadZone(name: string): Zone | undefined {
  if (name === '' || name === 'UTC' || name === 'Local') return UTC;
  const found = known.get(name) ?? (/^[A-Z][\w+-]*(\/[A-Z][\w+-]*)*$/.test(name) ? made(name) : undefined);
  if (found === undefined) return undefined;
  known.delete(name);
  known.set(name, found);
  const [oldest = ''] = known.keys();
  if (known.size > KEPT) known.delete(oldest);
  return found;
}

function made(timeZone: string): Zone | undefined {
  let offsets: Intl.DateTimeFormat;
  try {
    offsets = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const names = LOCALES.map((locale) => new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: 'short' }));
  const nameAt = (moment: Date): string | undefined =>
    names.map((format) => partOf(format, moment)).find((each) => LETTERS.has(each));
  const usual = new Map(TODAY.map((moment) => [offsetOf(partOf(offsets, moment)), nameAt(moment)]));
  return {
    at: (seconds) => {
      const within = seconds < -FARTHEST ? -FARTHEST : seconds > FARTHEST ? FARTHEST : seconds;
      const moment = new Date(Number(within) * 1_000);
      const offset = offsetOf(partOf(offsets, moment));
      return { offset, name: nameAt(moment) ?? usual.get(offset) ?? offsetText(offset) };
    },
  };
}

/** Names of long ago and of the far future are not in Node's data: the same offset has the name that it has today. */
const TODAY = [Date.UTC(2026, 0, 15), Date.UTC(2026, 6, 15)].map((each) => new Date(each));

const partOf = (format: Intl.DateTimeFormat, moment: Date): string =>
  format.formatToParts(moment).find(({ type }) => type === 'timeZoneName')?.value ?? '';

/** Of `GMT`, `GMT+01:00` or `GMT-00:01:15`. */
function offsetOf(text: string): number {
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /^GMT([+-])(\d+):(\d+)(?::(\d+))?$/.exec(text) ?? [];
  const total = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  return sign === '-' ? -total : total;
}

/** `+03`, or `+0530`: what the data base has for zones without letters. */
function offsetText(offset: number): string {
  const minutes = Math.abs(Math.trunc(offset / 60));
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((each) => String(each).padStart(2, '0'));
  return `${offset < 0 ? '-' : '+'}${hour}${minute === '00' ? '' : minute}`;
}
