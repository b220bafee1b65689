/** `monitor`: the log of a server, as it is written. */
import { Writable } from 'node:stream';
import { command } from './command.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag } from './flags.ts';
import { onInterrupt } from './interrupt.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export const LOG_FORMATS = ['standard', 'json'] as const;

export const monitor = command({
  summary: 'Follow the log of a server',
  description:
    'Shows what is logged from now on, at a level of its own choice, until it is interrupted. Ends with 2 when the server ' +
    'ends it: it was sealed or stopped, or the token has expired.',
  flags: {
    'log-level': flag.text('The lowest level shown; default info.', { choices: LOG_LEVELS }),
    'log-format': flag.text('Of the lines; default standard.', { choices: LOG_FORMATS }),
  },
  examples: [{ note: 'See everything:', line: 'monitor -log-level=trace' }],
  run: async (context, { values }) => {
    using interrupt = onInterrupt();
    const { stdout } = context.terminal;
    // Standard output stays open: it is not this stream's.
    const sink = (): Writable =>
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          if (stdout.write(chunk)) done();
          else stdout.once('drain', done);
        },
      });
    const query = { log_level: values['log-level'] ?? 'info', log_format: values['log-format'] ?? 'standard' };
    const options = { query, silenceMs: Number.POSITIVE_INFINITY, signal: interrupt.signal };
    try {
      await during('Error starting the monitor', context.client.download('sys/monitor', sink, options));
    } catch (error) {
      if (interrupt.signal.aborted) return exit.ok;
      throw error;
    }
    throw new CommandError('The server ended the stream.', exit.server);
  },
});
