/** One order of a certificate (RFC 8555, section 7.4): the account, the challenges, the chain. */
import acme, { type Authorization } from 'acme-client';
import { readFile, rm } from 'node:fs/promises';
import { createServer, request as http, type IncomingMessage } from 'node:http';
import { Agent, request as https } from 'node:https';
import { once } from 'node:events';
import { fail } from '../../errors.ts';
import { errorCode } from '../../lib/error-code.ts';
import { answerFile, placeOf, putFile, putIssued } from './place.ts';
import type { AcmeSettings, Challenge, KeyType } from './settings.ts';

/** The library has one HTTP client for all: orders of several listeners go one after the other. */
let turn: Promise<unknown> = Promise.resolve();
const ANSWER_MS = 30_000;
/** Of a whole order: a server that sends a byte now and then would hold up the orders of all others. */
const ORDER_MS = 10 * 60_000;
const MOST_BYTES = 1024 * 1024;

/** Puts a new certificate in place, within `patience` milliseconds. Rejects with what the ACME server, or the network, said. */
export function orderCertificate(settings: AcmeSettings, challenge: Challenge, patience = ORDER_MS): Promise<void> {
  const run = turn.then(() => order(settings, challenge, AbortSignal.timeout(patience)));
  turn = run.catch(() => undefined);
  return run;
}

async function order(settings: AcmeSettings, challenge: Challenge, signal: AbortSignal): Promise<void> {
  const { directory, domains, external, email, rootFile } = settings;
  const place = placeOf(settings);
  const trusted = rootFile === undefined ? {} : { ca: await readFile(rootFile) };
  await reach(directory, trusted, signal);
  Object.assign(acme.axios.defaults, {
    ...{ proxy: false, timeout: ANSWER_MS, maxContentLength: MOST_BYTES, signal },
    httpsAgent: new Agent(trusted),
  });
  // Tried again by whoever asked for it, with longer pauses.
  acme.axios.defaults['acmeSettings' as keyof typeof acme.axios.defaults] = { ...ports, retryMaxAttempts: 0 } as never;
  const client = new acme.Client({
    directoryUrl: directory,
    ...{ backoffAttempts: 12, backoffMin: 1_000, backoffMax: 15_000 },
    accountKey: await accountKey(place.account),
    ...(external === undefined ? {} : { externalAccountBinding: { kid: external.id, hmacKey: external.key.expose() } }),
  });
  const [commonName = ''] = domains;
  const [key, csr] = await acme.crypto.createCsr(
    { commonName, altNames: [...domains] },
    await newKey(settings.keyType),
  );
  const answers = challenge === 'http-01' ? await httpAnswers(settings) : alpnAnswers(place.challenges);
  try {
    const chain = await client.auto({
      ...{ csr, termsOfServiceAgreed: true, skipChallengeVerification: true, challengePriority: [challenge] },
      ...(email === undefined ? {} : { email }),
      challengeCreateFn: async (authorization, { type, token }, proof) => {
        const { value } = authorization.identifier;
        if (!domains.includes(value.toLowerCase())) {
          throw fail('badRequest', 'the ACME server wants a name proved that it was not asked for');
        }
        if (type !== challenge) throw fail('badRequest', `the ACME server does not offer ${challenge} for this name`);
        await answers.give(authorization, token, proof);
      },
      challengeRemoveFn: (authorization, { token }) => answers.take(authorization, token),
    });
    await putIssued(settings, { chain, key: key.toString() });
  } finally {
    await answers.close();
  }
}

/** Of a server that does not answer the library tells nothing: neither that it is down nor that its certificate is unknown. */
async function reach(directory: string, trusted: { readonly ca?: Buffer }, signal: AbortSignal): Promise<void> {
  const options = { agent: false, signal } as const;
  const request = directory.startsWith('https:')
    ? https(directory, { ...trusted, ...options })
    : http(directory, options);
  try {
    request.setTimeout(ANSWER_MS, () => request.destroy(new Error('it does not answer')));
    const [response] = (await once(request.end(), 'response')) as [IncomingMessage];
    response.destroy();
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    throw fail('timeout', `the ACME server at ${directory} cannot be asked: ${reason}`, { cause: error });
  }
}

const ports = {
  httpChallengePort: 80,
  httpsChallengePort: 443,
  tlsAlpnChallengePort: 443,
  retryDefaultDelay: 5,
} as const;

/** Made with the first order, since the account is known by it. */
async function accountKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    const made = (await acme.crypto.createPrivateEcdsaKey('P-256')).toString();
    await putFile(path, made);
    return made;
  }
}

function newKey(type: KeyType): Promise<Buffer> {
  if (type === 'p256' || type === 'p384') return acme.crypto.createPrivateEcdsaKey(type === 'p256' ? 'P-256' : 'P-384');
  return acme.crypto.createPrivateRsaKey(type === 'rsa2048' ? 2048 : 4096);
}

interface Answers {
  readonly give: (authorization: Authorization, token: string, proof: string) => Promise<void>;
  readonly take: (authorization: Authorization, token: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Files, which the threads of the listener read. */
function alpnAnswers(challenges: string): Answers {
  const file = ({ identifier }: Authorization): string => answerFile(challenges, identifier.value);
  return {
    give: async (authorization, _token, proof) => {
      const key = await acme.crypto.createPrivateEcdsaKey('P-256');
      const [, certificate] = await acme.crypto.createAlpnCertificate(authorization, proof, key);
      await putFile(file(authorization), `${key.toString()}\n${certificate.toString()}`);
    },
    take: (authorization) => rm(file(authorization), { force: true }),
    close: () => Promise.resolve(),
  };
}

const WELL_KNOWN = '/.well-known/acme-challenge/';

/** A server of its own, for as long as the order takes (RFC 8555, section 8.3). Throws `listenFailed`. */
async function httpAnswers({ http: { host, port } }: AcmeSettings): Promise<Answers> {
  const proofs = new Map<string, string>();
  const server = createServer(
    { maxHeaderSize: 8_192, headersTimeout: 5_000, requestTimeout: 5_000 },
    (request, response) => {
      const url = request.url ?? '';
      const proof = url.startsWith(WELL_KNOWN) ? proofs.get(url.slice(WELL_KNOWN.length)) : undefined;
      response.writeHead(proof === undefined ? 404 : 200, {
        'Content-Type': 'application/octet-stream',
        Connection: 'close',
      });
      response.end(proof);
    },
  );
  server.maxConnections = 64;
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    throw fail('listenFailed', `cannot answer HTTP-01 on ${host}:${String(port)} (${errorCode(error)})`, {
      cause: error,
    });
  }
  return {
    give: (_authorization, token, proof) => {
      proofs.set(token, proof);
      return Promise.resolve();
    },
    take: (_authorization, token) => {
      proofs.delete(token);
      return Promise.resolve();
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
