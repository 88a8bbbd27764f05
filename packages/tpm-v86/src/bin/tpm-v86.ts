#!/usr/bin/env node
import { processEnvironment } from '../cli/process-environment.js';
import { runV86 } from '../cli/run-v86.js';

process.exit(await runV86(process.argv.slice(2), processEnvironment('tpm-v86')));
