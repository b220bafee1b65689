/** `scratch`: a place to keep values, one for each rendering. */
import { FunctionError } from '../template-error.ts';
import { GoList, GoMap, GoObject, type GoMethod, type ParamName, type Value } from '../value.ts';

export class Scratch extends GoObject {
  readonly type = '*template.Scratch';
  readonly kind = 'ptr';
  readonly #values = new GoMap();

  print(): string {
    return '{scratch}';
  }

  json(): string {
    return '{}';
  }

  equals(other: GoObject): boolean {
    return other === this;
  }

  override method(name: string): GoMethod | undefined {
    const { entries } = this.#values;
    const takes = (params: readonly ParamName[], call: (args: readonly Value[]) => Value): GoMethod => ({
      params,
      call,
    });
    const text = (value: Value | undefined): string => (typeof value === 'string' ? value : '');
    switch (name) {
      case 'Key':
        return takes(['string'], ([key]) => entries.has(text(key)));
      case 'Get':
        return takes(['string'], ([key]) => entries.get(text(key)) ?? null);
      case 'Set':
      case 'SetX':
        return takes(['string', 'any'], ([key, value = null]) => {
          if (name === 'Set' || !entries.has(text(key))) entries.set(text(key), value);
          return '';
        });
      case 'MapSet':
      case 'MapSetX':
        return takes(['string', 'string', 'any'], ([key, inner, value = null]) => {
          const map = entries.get(text(key)) ?? new GoMap();
          if (!(map instanceof GoMap)) throw new FunctionError(`"${text(key)}" is not a map`);
          entries.set(text(key), map);
          if (name === 'MapSet' || !map.entries.has(text(inner))) map.entries.set(text(inner), value);
          return '';
        });
      case 'MapValues':
        return takes(['string'], ([key]) => {
          const map = entries.get(text(key));
          return map instanceof GoMap
            ? new GoList(map.sorted().map(([, value]) => value))
            : new GoList([], undefined, true);
        });
      default:
        return undefined;
    }
  }
}
