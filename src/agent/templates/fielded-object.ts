/** What templates of the agent take apart by its fields, and never show as a whole: nobody wants all of a secret in a file. */
import { GoObject, type GoMethod, type Value } from '../../lib/go-template/value.ts';

export abstract class FieldedObject extends GoObject {
  protected abstract readonly fields: Readonly<Record<string, Value>>;

  override method(name: string): GoMethod | undefined {
    const value = Object.hasOwn(this.fields, name) ? this.fields[name] : undefined;
    return value === undefined ? undefined : { params: [], call: () => value };
  }

  json(): string {
    return '{}';
  }

  equals(other: GoObject): boolean {
    return other === this;
  }
}
