#!/usr/bin/env node
import { runSystem } from '../system.js';

process.exit(await runSystem('x86_64', process.argv.slice(2)));
