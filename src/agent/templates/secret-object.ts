/** What `secret` gives to a template: Vault's reply, as consul-template shows it. */
import { ExactNumber } from '../../client/json.ts';
import { toBytes } from '../../lib/go-template/bytes.ts';
import { JsonNumber } from '../../lib/go-template/consul-template/json-number.ts';
import { formatFloat } from '../../lib/go-template/float.ts';
import { GoList, GoMap, int, type Value } from '../../lib/go-template/value.ts';
import { FieldedObject } from './fielded-object.ts';
import type { Found } from '../source.ts';

/** Numbers keep their digits. */
export function valueOf(data: unknown): Value {
  if (typeof data === 'string') return toBytes(data);
  if (typeof data === 'number')
    return new JsonNumber(Number.isInteger(data) ? formatFloat(data, 'f', -1) : String(data));
  if (typeof data === 'boolean') return data;
  if (data instanceof ExactNumber) return new JsonNumber(data.source);
  if (data === null || typeof data !== 'object') return null;
  if (Array.isArray(data)) return new GoList(data.map(valueOf));
  return new GoMap(Object.entries(data).map(([key, item]) => [toBytes(key), valueOf(item)] as const));
}

export class SecretObject extends FieldedObject {
  readonly type = '*dependency.Secret';
  readonly kind = 'ptr';
  protected readonly fields: Readonly<Record<string, Value>>;

  constructor({ data, metadata, lease }: Found) {
    super();
    const shown = lease?.id === '' ? undefined : lease;
    this.fields = {
      RequestID: '',
      LeaseID: shown?.id ?? '',
      LeaseDuration: int(shown?.seconds ?? 0),
      Renewable: shown?.renewable ?? false,
      Data: valueOf(metadata === undefined ? data : { data, metadata }),
      Warnings: new GoList([], 'string', true),
      Auth: null,
      WrapInfo: null,
    };
  }

  /** Its parts are shown one by one: as a whole nobody wants it in a file. */
  print(): string {
    return '{secret}';
  }
}
