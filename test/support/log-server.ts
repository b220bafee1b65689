/**
 * A log server as a process of its own, which a test can stop and kill: `log-server.ts PORT FOLDER`. Each connection goes into
 * a file of its own as it is read. It says where it listens, and after each piece how many bytes it has.
 */
import { openSync, writeSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

const [port = '0', folder = ''] = process.argv.slice(2);
let bytes = 0;
let connections = 0;
const server = createServer((socket) => {
  const file = openSync(join(folder, `${process.pid}-${(connections += 1)}.log`), 'ax', 0o600);
  socket.on('error', () => undefined);
  socket.on('data', (piece: Buffer) => {
    writeSync(file, piece);
    bytes += piece.length;
    console.log(`bytes ${bytes}`);
  });
});
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening ${(server.address() as AddressInfo).port}`);
});
