/** Continues at once where the value is at hand, and only otherwise by a promise: the request path stays synchronous. */
export function chain<T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
