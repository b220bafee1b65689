/** The engine repeats no value; a template can, by `fail`, and what is said of it is read by more people than the values. */
export const withoutValues = (message: string, values: Iterable<string | Uint8Array>): string =>
  [...values]
    .map((value) => Buffer.from(value).toString('utf8'))
    .filter((text) => text.length > 2)
    .reduce((said, text) => said.replaceAll(text, '…'), message);
