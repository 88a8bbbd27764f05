import { packageBuild } from '@tpmdev/workspace/tsup';

export default packageBuild({ index: 'src/index.ts' });
