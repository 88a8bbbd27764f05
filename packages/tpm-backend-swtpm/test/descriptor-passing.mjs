// Passes a data descriptor to the swtpm whose control socket is the argument, and executes a command.
// Runs under any Node release: node test/descriptor-passing.mjs CONTROL-SOCKET
import { connectSwtpm } from '../dist/index.js';

const backend = await connectSwtpm({ controlPath: process.argv[2] });
await backend.start({ bufferSize: 4096 });
const command = Uint8Array.from(Buffer.from('80010000000c000001440000', 'hex'));
const { response } = await backend.execute({ command, locality: 0, responseCapacity: 4096 });
console.log(`${process.version} ${backend.tpmVersion} ${Buffer.from(response).toString('hex')}`);
await backend.close();
