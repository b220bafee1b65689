/** What a webhook is asked with: Go's templates over the reference and the Secrets that the store names. */
import type * as GoTemplates from '../../lib/go-template/external-secrets.ts';
import { TemplateError } from '../../lib/go-template/template-error.ts';
import { withoutValues } from '../../lib/go-template/without-values.ts';
import { onDemand } from '../../lib/on-demand.ts';
import { ProviderProblem } from '../contract.ts';

/** Most controllers have no store that needs them. */
const goTemplates = onDemand<typeof GoTemplates>(import.meta, '../../lib/go-template/external-secrets');

type Texts = Readonly<Record<string, string | Uint8Array>>;

/** By name: `remoteRef`, and each of `secrets`. */
export type TemplateData = Readonly<Record<string, Texts>>;

/** As Go's `url.QueryEscape`: so a key cannot add to the address what the store has not in it. */
export const queryEscape = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');

/** Throws `ProviderProblem`, which repeats no value. */
export function rendered(field: string, template: string, data: TemplateData): Uint8Array {
  if (!template.includes('{{')) return Buffer.from(template, 'utf8');
  const { parseTemplate, stringMap, externalSecretsFunctions: functions } = goTemplates();
  try {
    const maps = Object.fromEntries(Object.entries(data).map(([name, texts]) => [name, stringMap(texts)]));
    return parseTemplate(field, template, { functions }).executeToBytes(maps);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const said = withoutValues(
      error.message,
      Object.values(data).flatMap((texts) => Object.values(texts)),
    );
    throw new ProviderProblem('invalid', `cannot render ${field}: ${said}`, { cause: error });
  }
}

export const renderedText = (field: string, template: string, data: TemplateData): string =>
  Buffer.from(rendered(field, template, data)).toString('utf8');

/** Throws `ProviderProblem` where it is no address of a web server. */
export function renderedUrl(template: string, data: TemplateData): URL {
  const text = renderedText('url', template, data);
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new ProviderProblem('invalid', 'url is no http:// or https:// address once it is rendered');
  }
  // A key `..` would lead to another path than the store names: parsers take dot segments out.
  const [path = ''] = text.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/);
  if (path.split('/').some((each) => /^(\.|%2e){1,2}$/i.test(each))) {
    throw new ProviderProblem('invalid', 'url has a segment of dots alone once it is rendered');
  }
  return new URL(text);
}
