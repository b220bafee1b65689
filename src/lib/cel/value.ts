/** Between plain values and those of the language. */
import { library } from './library.ts';
import type { CelMap, CelList, CelInput, CelValue } from '@bufbuild/cel';
import type { Message } from '@bufbuild/protobuf';
import type { ReflectMessage } from '@bufbuild/protobuf/reflect';

/** Claims that nest deeper are no claims. */
const DEEPEST = 64;

/** What JSON can hold, and beside it a `Date` (a timestamp) and a bigint (an int). Numbers are doubles, as in OpenBao. */
export type CelVariable = unknown;

/**
 * Objects become maps, by their own members alone: `constructor` and `__proto__` are keys like any other, there only if
 * they were sent. Throws a `RangeError` for what nests too deep, a `TypeError` for what is no such value.
 */
export function celInput(value: CelVariable, depth = 0): CelInput {
  if (depth > DEEPEST) throw new RangeError(`a value nests deeper than ${String(DEEPEST)}`);
  if (value === null) return null;
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint')
    return value;
  if (Array.isArray(value)) return value.map((each) => celInput(each, depth + 1));
  if (value instanceof Date) return library().wellKnown.timestampFromDate(value);
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} is no value of a program`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return new Map(members.map(([name, member]) => [name, celInput(member, depth + 1)]));
}

/** A value that came out, by itself: lists, maps and messages are copies. Timestamps are `Date`s, durations nanoseconds. */
export type PlainValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Date
  | readonly PlainValue[]
  | ReadonlyMap<PlainKey, PlainValue>
  | PlainMessage;

export type PlainKey = string | bigint | boolean;

/** Every field of the message by its name; undefined for a message that is not set. No prototype. */
export interface PlainMessage {
  readonly [field: string]: PlainValue | undefined;
}

export type CelAnswer =
  | { readonly type: 'null'; readonly value: null }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int' | 'uint' | 'duration'; readonly value: bigint }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'string' | 'type'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'timestamp'; readonly value: Date }
  | { readonly type: 'list'; readonly value: readonly PlainValue[] }
  | { readonly type: 'map'; readonly value: ReadonlyMap<PlainKey, PlainValue> }
  | { readonly type: 'message'; readonly name: string; readonly value: PlainMessage };

/** A key is an int, a uint, a bool or a string. */
function plainKey(key: CelValue): PlainKey {
  const answer = answerOf(key);
  if (answer.type === 'bool' || answer.type === 'int' || answer.type === 'uint' || answer.type === 'string')
    return answer.value;
  throw new TypeError(`a ${answer.type} is no key of a map`);
}

const plainList = (list: CelList): PlainValue[] => Array.from(list, (each) => answerOf(each).value);

const plainMap = (map: CelMap): ReadonlyMap<PlainKey, PlainValue> =>
  new Map(Array.from(map, ([key, value]) => [plainKey(key), answerOf(value).value]));

function plainMessage(message: ReflectMessage): PlainMessage {
  const { cel } = library();
  const plain = Object.create(null) as Record<string, PlainValue | undefined>;
  for (const field of message.desc.fields) {
    switch (field.fieldKind) {
      case 'list':
        plain[field.name] = plainList(cel.celList(message.get(field)));
        break;
      case 'map':
        plain[field.name] = plainMap(cel.celMap(message.get(field)));
        break;
      case 'message':
        plain[field.name] = message.isSet(field) ? answerOf(message.get(field)).value : undefined;
        break;
      case 'scalar':
        plain[field.name] = answerOf(cel.celFromScalar(field.scalar, message.get(field))).value;
        break;
      case 'enum':
        plain[field.name] = BigInt(message.get(field));
    }
  }
  return plain;
}

const NANOSECONDS = 1_000_000_000n;

function messageAnswer(value: ReflectMessage): CelAnswer {
  const { protobuf, wellKnown } = library();
  const message: Message = value.message;
  if (protobuf.isMessage(message, wellKnown.TimestampSchema))
    return { type: 'timestamp', value: wellKnown.timestampDate(message) };
  if (protobuf.isMessage(message, wellKnown.DurationSchema))
    return { type: 'duration', value: message.seconds * NANOSECONDS + BigInt(message.nanos) };
  return { type: 'message', name: value.desc.typeName, value: plainMessage(value) };
}

function objectAnswer(value: Exclude<CelValue, bigint | boolean | number | string | null>): CelAnswer {
  const { cel } = library();
  if (value instanceof Uint8Array) return { type: 'bytes', value };
  if (cel.isCelUint(value)) return { type: 'uint', value: value.value };
  if (cel.isCelList(value)) return { type: 'list', value: plainList(value) };
  if (cel.isCelMap(value)) return { type: 'map', value: plainMap(value) };
  if (cel.isCelType(value)) return { type: 'type', value: value.name };
  return messageAnswer(value);
}

/** To be paid for before: lists that share their elements are copied as often as they are met. */
export function answerOf(value: CelValue): CelAnswer {
  if (value === null) return { type: 'null', value };
  if (typeof value === 'boolean') return { type: 'bool', value };
  if (typeof value === 'bigint') return { type: 'int', value };
  if (typeof value === 'number') return { type: 'double', value };
  if (typeof value === 'string') return { type: 'string', value };
  return objectAnswer(value);
}
