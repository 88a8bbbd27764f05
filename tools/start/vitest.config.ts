import { packageTests } from '@tpmdev/workspace/vitest';

export default packageTests();
