/** Names of roles and the like, where upstream bounds them: letters, digits and `_`, and between them `-` and `.`. */
const NAME = /^\w(?:[\w.-]*\w)?$/;

export const isPlainName = (name: string): boolean => NAME.test(name);
