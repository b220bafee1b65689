/**
 * A protocol without I/O: messages, ticks and storage results go in; messages, timers and storage commands come out.
 * `step` is total: an illegal pair of state and input is a named output, never a throw.
 */
export interface Machine<State, Input, Output> {
  readonly initial: State;
  /** Pure. Time comes in as an input, never from a clock. */
  readonly step: (state: State, input: Input) => { readonly state: State; readonly outputs: readonly Output[] };
}
