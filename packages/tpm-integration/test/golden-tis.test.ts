import { goldenSuite } from './support/golden-suite.js';

goldenSuite('tpm-tis', 'tis-qemu72.jsonl', 48);
