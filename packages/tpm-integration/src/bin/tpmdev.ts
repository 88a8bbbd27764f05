#!/usr/bin/env node
import { runTpmdev } from '../tpmdev/tpmdev.js';

process.exit(await runTpmdev(process.argv.slice(2)));
