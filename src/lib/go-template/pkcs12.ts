/** The functions for PKCS #12 of the External Secrets Operator: what is read is bytes (`b64dec` comes before), what is made is base64. */
import { type Password, PasswordBasedProblem, readPkcs12, writePkcs12, writeTrustStore } from '../crypto/pkcs12.ts';
import { subjectText } from '../crypto/private-keys.ts';
import { toText } from './bytes.ts';
import { fn, type FunctionMap } from './function.ts';
import { privateKeyOf } from './keys.ts';
import type { Meter } from './meter.ts';
import { blocksOf, certificate, chained, pem } from './pem.ts';
import { FunctionError } from './template-error.ts';

export const pkcs12Functions: FunctionMap = {
  pkcs12key: fn(['string'], ([data], meter) => keyIn(data, '', meter)),
  pkcs12keyPass: fn(['string', 'string'], ([password, data], meter) => keyIn(data, password, meter)),
  pkcs12cert: fn(['string'], ([data], meter) => certificatesIn(data, '', meter)),
  pkcs12certPass: fn(['string', 'string'], ([password, data], meter) => certificatesIn(data, password, meter)),
  pemToPkcs12: fn(['string', 'string'], ([text, key], meter) => made({ text, key, first: true }, '', meter)),
  pemToPkcs12Pass: fn(['string', 'string', 'string'], ([text, key, password], meter) => {
    return made({ text, key, first: true }, password, meter);
  }),
  fullPemToPkcs12: fn(['string', 'string'], ([text, key], meter) => made({ text, key, first: false }, '', meter)),
  fullPemToPkcs12Pass: fn(['string', 'string', 'string'], ([text, key, password], meter) => {
    return made({ text, key, first: false }, password, meter);
  }),
  pemTruststoreToPKCS12: fn(['string'], ([text], meter) => trustStore(text, '', meter)),
  pemTruststoreToPKCS12Pass: fn(['string', 'string'], ([text, password], meter) => trustStore(text, password, meter)),
};

/** A round of a derivation is a step: how many there are the file says, and it may come from anybody. */
const passwordOf = (password: string, meter: Meter): Password => ({
  text: toText(password),
  spend: (rounds) => meter.step(rounds),
});

function told<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof PasswordBasedProblem) throw new FunctionError(`${what}: ${error.message}`);
    throw error;
  }
}

function opened(data: string, password: string, meter: Meter) {
  meter.make(16 * data.length);
  return told('unable to decode pkcs12', () => readPkcs12(Buffer.from(data, 'latin1'), passwordOf(password, meter)));
}

const keyIn = (data: string, password: string, meter: Meter): string =>
  pem('PRIVATE KEY', opened(data, password, meter).key);

/** From the leaf to the root, where they are one chain; else as they stand. */
function certificatesIn(data: string, password: string, meter: Meter): string {
  const { certificates } = opened(data, password, meter);
  const ordered = chained(certificates, meter) ?? certificates;
  return ordered.map((each) => pem('CERTIFICATE', each)).join('');
}

/** DER of each block, read as certificates are. */
function certificatesOf(text: string, meter: Meter): readonly Uint8Array[] {
  const { blocks } = blocksOf(text, meter);
  if (blocks.length === 0) throw new FunctionError('failed to decode PEM block');
  return blocks.map(({ der }) => certificate(der, meter).der);
}

function made(
  { text, key, first }: { text: string; key: string; first: boolean },
  password: string,
  meter: Meter,
): string {
  const all = certificatesOf(text, meter);
  const certificates = first ? all.slice(0, 1) : all;
  const file = writePkcs12({ key: privateKeyOf(key, meter), certificates }, passwordOf(password, meter));
  return Buffer.from(file).toString('base64');
}

/** Java takes two of one alias for one: the second of a subject gets a number. */
function trustStore(text: string, password: string, meter: Meter): string {
  const seen = new Map<string, number>();
  const trusted = certificatesOf(text, meter).map((each) => {
    const subject = subjectText(each);
    const count = (seen.get(subject) ?? 0) + 1;
    seen.set(subject, count);
    return { certificate: each, alias: count === 1 && subject !== '' ? subject : `${subject} ${count}`.trim() };
  });
  return Buffer.from(writeTrustStore(trusted, passwordOf(password, meter))).toString('base64');
}
