/** Limits of the life of tokens, seconds; 0 is without one. */
export const smallest = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b));
