import { goldenSuite } from './support/golden-suite.js';

goldenSuite('tpm-crb', 'crb-qemu72.jsonl', 34);
