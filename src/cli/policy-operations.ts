/** What can be asked of policies, as the API names it. */
export const operations: readonly string[] = [
  ...['create', 'read', 'update', 'patch', 'delete', 'list', 'scan'],
  ...['subscribe', 'recover', 'sudo'],
];

export const isOperation = (text: string): boolean => operations.includes(text);
