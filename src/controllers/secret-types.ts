/**
 * Which types a Secret may have that is made for an object of a tenant. Kubernetes acts on some of them: it fills one of
 * `kubernetes.io/service-account-token` with a token of the account that an annotation names, and takes the content of a
 * `bootstrap.kubernetes.io/token` for a login. Whoever may create an ExternalSecret need not be allowed either (CVE-2026-42876).
 */
import { fail } from '../errors.ts';
import { ProviderProblem } from '../providers/contract.ts';

/** A Secret without a type is of this one. */
const OPAQUE = 'Opaque';

/** Of the built-in types, those that hold data and nothing more. */
export const DEFAULT_SECRET_TYPES = [
  ...[OPAQUE, 'kubernetes.io/basic-auth', 'kubernetes.io/dockercfg', 'kubernetes.io/dockerconfigjson'],
  ...['kubernetes.io/ssh-auth', 'kubernetes.io/tls'],
].join(',');

/** No `*` is enough for them: who wants them writes them out. */
const ACTED_ON: ReadonlySet<string> = new Set(['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token']);

const TYPE = /^[A-Za-z0-9]([A-Za-z0-9./_-]*[A-Za-z0-9])?$/;
const PATTERN = /^([A-Za-z0-9][A-Za-z0-9./_-]*)?\*$/;

export class SecretTypes {
  readonly #names: ReadonlySet<string>;
  readonly #prefixes: readonly string[];

  /** `list`: names, and beginnings of names that end in `*`, with commas between them. Throws `invalidConfig`. */
  constructor(list: string = DEFAULT_SECRET_TYPES) {
    const all = list.split(',').map((each) => each.trim());
    const wrong = all.find((each) => !TYPE.test(each) && !PATTERN.test(each));
    if (wrong !== undefined) {
      const example = `"${OPAQUE},kubernetes.io/tls,example.com/*"`;
      throw fail('invalidConfig', `-allowed-secret-types: "${wrong}" is no type of a Secret: write it as ${example}`);
    }
    this.#names = new Set(all);
    this.#prefixes = all.filter((each) => each.endsWith('*')).map((each) => each.slice(0, -1));
  }

  /** Why it may not be of this type; undefined: it may. Empty is `Opaque`. */
  refusal(type: string = OPAQUE): string | undefined {
    const name = type === '' ? OPAQUE : type;
    if (this.#names.has(name)) return undefined;
    if (!ACTED_ON.has(name) && this.#prefixes.some((each) => name.startsWith(each))) return undefined;
    return `a Secret of type "${name}" is not allowed: see -allowed-secret-types of the controller`;
  }

  /** Throws `ProviderProblem`. */
  mustAllow(type: string | undefined): void {
    const refused = this.refusal(type);
    if (refused !== undefined) throw new ProviderProblem('invalid', refused);
  }
}
