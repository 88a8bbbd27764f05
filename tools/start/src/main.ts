import { TpmdevError } from 'tpm-core';
import { bootGuest } from './boot-guest.js';
import { probe } from './probe.js';
import { readStartOptions, USAGE, UsageError } from './start-options.js';

async function main(words: readonly string[]): Promise<number> {
  const options = readStartOptions(words);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  if (!options.probe) return await bootGuest(options);
  await probe(options);
  return 0;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  const isKnown = error instanceof UsageError || TpmdevError.isInstance(error);
  if (process.argv.includes('--debug') || !isKnown) console.error(error);
  else console.error(`npm start: ${error.message}`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
