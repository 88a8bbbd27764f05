#!/usr/bin/env node
// Prepares a guest for v86 and says where its files are.

import { parseArgs } from 'node:util';
import { TpmdevError } from 'tpm-core';
import type { Flavour } from './flavours.js';
import { GuestError } from './guest-error.js';
import { defaultCacheDirectory, prepareGuest } from './prepare-guest.js';
import { progressDisplay } from './progress.js';

const USAGE = `Usage: tpmdev-guest [--offline] [--refresh] [--cache DIRECTORY] [minimal|tools|cd]

Builds the files of a Linux guest for v86 from Debian packages, in a folder of its own:
  minimal    SeaBIOS, Linux and busybox (default)
  tools      the same with tpm2-tools
  cd         SeaBIOS and a CD that boots the first of them, for guests that restart

  --offline  fail rather than use the network
  --refresh  look for newer packages
  --cache    where to keep packages and images; otherwise
             ${defaultCacheDirectory()}
  --debug    show the stack of an error`;

interface Arguments {
  readonly values: {
    readonly offline: boolean;
    readonly refresh: boolean;
    readonly help: boolean;
    readonly cache?: string | undefined;
  };
  readonly positionals: readonly string[];
}

function readArguments(): Arguments {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        offline: { type: 'boolean', default: false },
        refresh: { type: 'boolean', default: false },
        cache: { type: 'string' },
        debug: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    const reason = (error as Error).message.split('. ')[0];
    throw new GuestError('ERR_GUEST_OPTION', `${reason}; see tpmdev-guest --help`, {
      cause: error,
    });
  }
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const [flavour = 'minimal', surplus] = positionals;
  if (surplus !== undefined) {
    throw new GuestError('ERR_GUEST_OPTION', `Guest "${surplus}" is one too many; name one`);
  }
  if (values.offline && values.refresh) {
    throw new GuestError('ERR_GUEST_OPTION', '--refresh needs the network; leave out --offline');
  }
  const display = progressDisplay();
  try {
    const image = await prepareGuest({
      flavour: flavour as Flavour,
      cacheDirectory: values.cache,
      offline: values.offline,
      refresh: values.refresh,
      onProgress: display.onProgress,
    });
    display.end();
    for (const [name, value] of Object.entries(image)) console.log(`${name.padEnd(12)}${value}`);
  } finally {
    display.end();
  }
}

try {
  await main();
} catch (error) {
  const isKnown = TpmdevError.isInstance(error);
  if (process.argv.includes('--debug') || !isKnown) console.error(error);
  else console.error(error.message);
  process.exitCode = isKnown && error.code === 'ERR_GUEST_OPTION' ? 2 : 1;
}
