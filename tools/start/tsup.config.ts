import { packageBuild } from '@tpmdev/workspace/tsup';

export default packageBuild({ main: 'src/main.ts' });
