/** A server under measurement, and what each kind of it is started with. */
import type { Program } from './program.ts';

export const transports = ['http', 'tls'] as const;
export type Transport = (typeof transports)[number];

export interface Server extends AsyncDisposable {
  /** As tables show it. */
  readonly title: string;
  readonly version: string;
  readonly program: Program;
  readonly urls: { readonly http: string; readonly tls?: string };
}

/** Where a server keeps its data, and the certificate that it shows. */
export interface Place {
  readonly folder: string;
  readonly certFile: string;
  readonly keyFile: string;
}
