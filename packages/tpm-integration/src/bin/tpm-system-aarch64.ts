#!/usr/bin/env node
import { runSystem } from '../system.js';

process.exit(await runSystem('aarch64', process.argv.slice(2)));
