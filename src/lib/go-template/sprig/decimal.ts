import { FunctionError } from '../template-error.ts';

/** A decimal number without bounds: sprig's sums and products of floats, so that 0.1 and 0.2 make 0.3. */
export class Decimal {
  readonly #coefficient: bigint;
  /** The value is `coefficient * 10 ** exponent`. */
  readonly #exponent: number;

  private constructor(coefficient: bigint, exponent: number) {
    this.#coefficient = coefficient;
    this.#exponent = exponent;
  }

  /** Of the fewest digits that tell the float. */
  static of(value: number): Decimal {
    if (!Number.isFinite(value)) throw new FunctionError('Cannot create a Decimal from a number without end');
    const [mantissa = '0', exponent = '0'] = value.toExponential().split('e');
    const [whole = '0', part = ''] = mantissa.split('.');
    return new Decimal(BigInt(whole + part), Number(exponent) - part.length);
  }

  #at(exponent: number): bigint {
    return this.#coefficient * 10n ** BigInt(this.#exponent - exponent);
  }

  plus(other: Decimal): Decimal {
    const exponent = Math.min(this.#exponent, other.#exponent);
    return new Decimal(this.#at(exponent) + other.#at(exponent), exponent);
  }

  minus(other: Decimal): Decimal {
    return this.plus(new Decimal(-other.#coefficient, other.#exponent));
  }

  times(other: Decimal): Decimal {
    return new Decimal(this.#coefficient * other.#coefficient, this.#exponent + other.#exponent);
  }

  /** To 16 decimals; halves away from zero. */
  by(other: Decimal): Decimal {
    if (other.#coefficient === 0n) throw new FunctionError('decimal division by 0');
    const shift = this.#exponent - other.#exponent + 16;
    const [above, below] = [
      this.#coefficient * 10n ** BigInt(Math.max(shift, 0)),
      other.#coefficient * 10n ** BigInt(Math.max(-shift, 0)),
    ];
    const quotient = above / below;
    const rest = above % below;
    const half = 2n * (rest < 0n ? -rest : rest) >= (below < 0n ? -below : below);
    const sign = above < 0n === below < 0n ? 1n : -1n;
    return new Decimal(half ? quotient + sign : quotient, -16);
  }

  toNumber(): number {
    return Number(`${this.#coefficient}e${this.#exponent}`);
  }
}
