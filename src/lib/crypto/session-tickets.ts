/** OpenSSL's option under which a TLS server hands out no session tickets, so that without a cache nothing is resumed. */
import { constants } from 'node:crypto';

export const NO_SESSION_TICKETS: number = constants.SSL_OP_NO_TICKET;
