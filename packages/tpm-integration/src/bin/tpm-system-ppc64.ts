#!/usr/bin/env node
import { runSystem } from '../system.js';

process.exit(await runSystem('ppc64', process.argv.slice(2)));
