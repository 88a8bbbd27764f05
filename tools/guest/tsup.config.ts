import { packageBuild } from '@tpmdev/workspace/tsup';

export default packageBuild({
  index: 'src/index.ts',
  main: 'src/main.ts',
  proof: 'src/proof.ts',
});
