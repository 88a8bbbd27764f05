import { packageBuild } from '@tpmdev/workspace/tsup';

export default packageBuild({
  index: 'src/index.ts',
  node: 'src/node.ts',
  'bin/tpm-v86': 'src/bin/tpm-v86.ts',
});
