import type { IncomingMessage } from 'node:http';

/** All bytes of a message. Beyond `most` it is broken off, and what `tooLong` makes is thrown; rejects as the message does. */
export async function wholeBody(message: IncomingMessage, most: number, tooLong: () => Error): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) {
      message.destroy();
      throw tooLong();
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
