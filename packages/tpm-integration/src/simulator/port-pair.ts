import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { reasonOf } from '../chardev/channel-error.js';
import { SimulatorError } from './simulator-error.js';

/** Highest port number that has one above it. */
export const LAST_COMMAND_PORT = 65_534;

/** How many free ports are tried for one whose neighbour is free as well. */
const ATTEMPTS = 64;

/** Two servers that listen on consecutive ports. */
export interface PortPair {
  readonly command: Server;
  readonly platform: Server;
  /** Number of the command port; the platform port is one above. */
  readonly port: number;
}

/**
 * Listens on a port and the one above.
 *
 * @param host address to listen on
 * @param port the first of the two, 1 to {@link LAST_COMMAND_PORT}, or 0 for any two that are free
 * @throws SimulatorError `ERR_LISTEN` when one of them can't be had
 */
export async function listenOnPair(host: string, port: number): Promise<PortPair> {
  if (port !== 0) {
    const command = await listen(host, port);
    return await completePair(command, host);
  }
  for (let attempt = 1; ; attempt++) {
    const command = await listen(host, 0);
    try {
      return await completePair(command, host);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

/** Adds the port above, or closes the first one. */
async function completePair(command: Server, host: string): Promise<PortPair> {
  const { port } = command.address() as AddressInfo;
  try {
    return { command, platform: await listen(host, port + 1), port };
  } catch (error) {
    command.close();
    throw error;
  }
}

async function listen(host: string, port: number): Promise<Server> {
  // A client may end its half of the connection and still read the answer.
  const server = createServer({ allowHalfOpen: true });
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    const message = `Can't listen on ${host} port ${port}: ${reasonOf(error)}; choose another one`;
    throw new SimulatorError('ERR_LISTEN', message, error);
  }
  return server;
}
