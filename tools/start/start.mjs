#!/usr/bin/env node
// `npm start`, once the workspace is built.

import './dist/main.js';
